"""Random scripts, legal and illegal, from a seed: messages in any order, of one to three sessions."""

from random import Random

import texts
from model import BARRIER, CLOSED, Script, Step
from texts import pick, sql
from wire import (bind, close_portal, close_statement, copy_data, copy_done, copy_fail, describe_portal, describe_statement, execute, flush,
                  function_call, message, parse, query, sync, terminate)

STATEMENTS = ["", "", "", "s", "t", "u", "nobody"]
PORTALS = ["", "", "", "", "p", "q"]
ROWS = ["21\tx\n", "22\ty\n", "bad\n", "23\tz\n24\tza", "1\tclash\n", ""]
STARTUPS = [{"timezone": "Asia/Tokyo"}, {"application_name": "start"}, {"options": "-c work_mem=3MB"}, {"DateStyle": "German", "search_path": "public"}, {"extra_float_digits": "2"}]
MALFORMED = [message("B", b"\0"), message("P", b"x"), message("E", b""), message("D", b"X\0"), message("Q", b"no end"), message("C", b"S"), message("y", b"what"), message("F", b"\0")]


class Generator:
    def __init__(self, seed):
        self.random = Random(seed)
        self.session = "a"

    def maybe(self, chance):
        return self.random.random() < chance

    # ---- messages

    def values(self, count):
        choices = [1, 2, 0, "x", None, "", "7", "v" * 50]
        if self.maybe(0.05):
            choices = ["w" * 70000]
        return [self.random.choice(choices) for _ in range(count)]

    def statement(self):
        return self.random.choice(STATEMENTS)

    def portal(self):
        return self.random.choice(PORTALS)

    def limit(self):
        return self.random.choice((0, 0, 0, 1, 2, 5))

    def parse(self, name):
        """A Parse and how many parameters it has."""
        r = self.random
        if self.maybe(0.5):
            text = texts.fill(r, pick(r, texts.PARAMETERIZED), self.session)
            count = text.count("$1") and (2 if "$2" in text else 1)
            return parse(text, name, [23] if "$1::int" in text and self.maybe(0.3) else []), count
        return parse(texts.several(r, self.session) if self.maybe(0.05) else sql(r, self.session), name), 0

    def whole(self):
        """Parse, Bind, Execute that fit together."""
        name, portal, r = self.statement(), self.portal(), self.random
        first, count = self.parse(name)
        messages = [first]
        if name and self.maybe(0.4):
            messages.insert(0, close_statement(name))
        if self.maybe(0.3):
            messages.append(describe_statement(name))
        messages.append(bind(self.values(count), name, portal, result_formats=[1] if self.maybe(0.05) else []))
        if self.maybe(0.5):
            messages.append(describe_portal(portal))
        messages.append(execute(portal, self.limit()))
        if self.maybe(0.15):
            messages.append(execute(portal, self.limit()))
        if self.maybe(0.1):
            messages.append(r.choice((close_portal(portal), close_statement(name))))
        return messages

    def again(self):
        """A statement that may be there from before."""
        name, portal = self.statement(), self.portal()
        messages = [bind(self.values(self.random.choice((0, 0, 1, 1, 2))), name, portal)]
        if self.maybe(0.4):
            messages.append(describe_portal(portal))
        return messages + [execute(portal, self.limit())]

    def loose(self):
        """One message of the extended protocol, fitting or not."""
        r = self.random
        return [r.choice((
            lambda: self.parse(self.statement())[0], lambda: bind(self.values(r.randint(0, 2)), self.statement(), self.portal()), lambda: describe_statement(self.statement()),
            lambda: describe_portal(self.portal()), lambda: execute(self.portal(), self.limit()), lambda: close_statement(self.statement()), lambda: close_portal(self.portal()), flush, sync,
        ))()]

    def copy(self):
        """Into the session's own table, simple or extended, with an end or without."""
        r, text = self.random, texts.fill(self.random, pick(self.random, texts.COPY_IN), self.session)
        messages = [query(text)] if self.maybe(0.5) else [parse(text), bind(), execute(), *([sync()] if self.maybe(0.5) else [flush()] if self.maybe(0.3) else [])]
        messages += [copy_data(r.choice(ROWS)) for _ in range(r.randint(0, 3))]
        return messages + r.choice(([copy_done()], [copy_done()], [copy_done()], [copy_fail("given up")], []))

    def stray(self):
        return [self.random.choice((copy_data("x"), copy_done(), copy_fail("x"), flush(), sync()))]

    def batch(self):
        """The messages of one step."""
        r, messages = self.random, []
        for _ in range(r.choice((1, 1, 1, 2, 2, 3, 5, 8))):
            kind = r.choices(("simple", "whole", "again", "loose", "copy", "stray", "function", "malformed"), (30, 30, 14, 20, 5, 2, 2, 0.2))[0]
            messages += {
                "simple": lambda: [query(texts.several(r, self.session))], "whole": self.whole, "again": self.again, "loose": self.loose, "copy": self.copy, "stray": self.stray,
                "function": lambda: [function_call(r.choice((870, 870, 4294967295)), "ABC")], "malformed": lambda: [r.choice(MALFORMED)],
            }[kind]()
            if kind in ("whole", "again", "loose") and self.maybe(0.4):
                messages.append(sync())
        return messages

    # ---- steps

    def cuts(self, messages):
        size = sum(map(len, messages))
        return tuple(sorted(self.random.sample(range(1, size), min(size - 1, self.random.randint(1, 4))))) if self.maybe(0.15) and size > 1 else ()

    def script(self):
        r = self.random
        sessions = r.choice(("a", "ab", "ab", "ab", "abc"))
        steps, left = [], set(sessions)
        for _ in range(r.randint(2, 9)):
            if not left:
                break
            if self.session not in left or self.maybe(0.6):
                self.session = r.choice(sorted(left))
            messages = self.batch()
            if self.maybe(0.02):
                steps.append(Step(self.session, [*messages, terminate()], CLOSED))
                left.discard(self.session)
                continue
            # A transaction left open keeps a server from the others: mostly it is ended, or nothing would be shared.
            ending = [sync(), query(r.choice(("rollback", "commit")))] if self.maybe(0.6) else []
            # What is not awaited goes on beside the other sessions' steps; they touch other tables.
            until = None if self.maybe(0.08) else BARRIER
            steps.append(Step(self.session, messages + ending, until, self.cuts(messages)))
        startup = {s: r.choice(STARTUPS) for s in sessions if self.maybe(0.1)}
        return Script(*steps, startup=startup)


def generate(seed):
    return Generator(seed).script()
