"""Plays many scripts, tells failures from known differences and open bugs, and makes reports of them."""

from collections import Counter

import model
import open_bugs
from generator import generate
from player import Unfit
from rig import Crash
from shrink import shrink


class Tally:
    """What was played, of one campaign or of several."""

    def __init__(self):
        self.played = self.places = self.failed = self.crashed = 0
        self.known, self.open_seen = Counter(), Counter()

    def add(self, other):
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)

    def __str__(self):
        lines = [f"{self.played} scripts in {self.places} places, {self.failed} failed"]
        lines += [f"{self.crashed} x PostgreSQL has crashed"] if self.crashed else []
        lines += [f"{count} x known: {reason}" for reason, count in self.known.most_common()]
        lines += [f"{count} x open: {name}" for name, count in self.open_seen.most_common()]
        return "\n".join(lines)


class Failure:
    def __init__(self, name, script, verdict, earlier=()):
        self.name, self.script, self.verdict, self.earlier = name, script, verdict, list(earlier)

    def report(self):
        v = self.verdict
        lines = [f"{self.name} differs in mode {v.mode} on {v.size} server(s):", model.script_literal(self.script)]
        if self.earlier:
            lines.append("only on servers that were used before, by:")
            lines += [f"# {name}\n{model.script_literal(s)}" for name, s in self.earlier]
        return "\n".join([*lines, v.difference.side_by_side()])


class Campaign:
    def __init__(self, rig, mode=None, shrink_seconds=60.0, seen=open_bugs.seen, say=lambda text: None):
        self.rig, self.mode, self.shrink_seconds, self.say = rig, mode, shrink_seconds, say
        self.seen = seen  # the name of the open bug that it is, by (script, difference, mode)
        self.tally, self.history = Tally(), []

    def play(self, name, script):
        """The Failure, or None."""
        self.tally.played += 1
        try:
            verdicts = self.rig.judge(script, self.mode, self.seen)
        except Crash:
            self.tally.crashed += 1
            self.say(f"{name} crashes PostgreSQL itself, or Forebay makes it:\n{model.script_literal(script)}")
            self.rig.renew()
            self.history.clear()
            return None
        except Unfit as e:
            raise AssertionError(f"{name} waits for what PostgreSQL does not send: {e}\n{model.script_literal(script)}") from None
        self.tally.places += len(verdicts)
        self.tally.known.update(v.known for v in verdicts if v.known)
        if not verdicts or not verdicts[-1].failed:
            self.history = [*self.history[-31:], (name, script)]
            return None
        return self._failed(name, script, verdicts[-1])

    def _failed(self, name, script, verdict):
        bug = self.open_bug(script, verdict)
        if bug:
            self.tally.open_seen[bug] += 1
            self.rig.renew()
            self.history.clear()
            return None
        self.tally.failed += 1
        if verdict.hung:
            self.say(f"{name}: behind {', '.join(n for n, _ in self.history[-3:])}; Forebay's log ends with:\n{self.rig.proxy.log()[-2000:]}")
        failure = self._smaller(name, script, verdict)
        self.history.clear()
        self.rig.renew()
        self.say(failure.report())
        return failure

    def _smaller(self, name, script, verdict):
        """Shrunk, with those of the scripts before it that it needs."""
        if not self.shrink_seconds:
            return Failure(name, script, verdict)
        mode, size, hang = verdict.mode, verdict.size, verdict.hung
        earlier = self._needed_before(script, verdict)
        if earlier is None:
            return Failure(name + " (not seen a second time)", script, verdict, self.history[-3:])
        best = [script, verdict]

        def fails(candidate):
            found = self.rig.fails(candidate, mode, size, [s for _, s in earlier], hang)
            if found is None or self.open_bug(candidate, found):
                return False
            best[:] = candidate, found
            return True

        shrink(script, fails, self.shrink_seconds)
        for n, (other, old) in enumerate(earlier):
            def fails_after(candidate):
                before = [s for _, s in earlier]
                before[n] = candidate  # noqa: B023 - used within this turn of the loop
                return self.rig.fails(best[0], mode, size, before, hang)

            earlier[n] = (other, shrink(old, fails_after, self.shrink_seconds))
        return Failure(name, *best, earlier)

    def _needed_before(self, script, verdict):
        """The latest scripts after which it fails on fresh servers, as few as found; None if it does not fail again."""
        count = 0
        while True:
            earlier = self.history[len(self.history) - count :]
            if self.rig.fails(script, verdict.mode, verdict.size, [s for _, s in earlier], verdict.hung):
                break
            if count == len(self.history):
                return None
            count = min(max(1, count * 2), len(self.history))
        for one in list(earlier):
            fewer = [e for e in earlier if e is not one]
            if self.rig.fails(script, verdict.mode, verdict.size, [s for _, s in fewer], verdict.hung):
                earlier = fewer
        return earlier

    def open_bug(self, script, verdict):
        return self.seen(script, verdict.difference, verdict.mode)

    def random(self, seed):
        return self.play(f"seed {seed}", generate(seed))
