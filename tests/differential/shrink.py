"""Makes a failing script small: fewer sessions, steps, messages, and simpler ones, as long as it still fails."""

import time

from model import BARRIER, wire


def _without_runs(items):
    """The items without a run of them: long runs first."""
    size = len(items)
    while size >= 1:
        for start in range(0, len(items), size):
            if size < len(items) or start == 0:
                yield items[:start] + items[start + size :]
        size //= 2


def _ready_owed(messages):
    return sum(m[:1] in b"QSF" for m in messages) or None


def _fewer_sessions(script):
    for name in script.sessions:
        left = [s for s in script.steps if s.session != name]
        if left and len(left) < len(script.steps):
            yield script.with_steps(left)


def _fewer_steps(script):
    for steps in _without_runs(script.steps):
        if steps:
            yield script.with_steps(steps)


def _change_step(script, number, **changes):
    steps = list(script.steps)
    steps[number] = steps[number]._replace(**changes)
    return script.with_steps(steps)


def _fewer_messages(script):
    for number, step in enumerate(script.steps):
        for messages in _without_runs(step.messages):
            if not messages:
                continue
            yield _change_step(script, number, messages=messages)
            if isinstance(step.until, int):
                yield _change_step(script, number, messages=messages, until=_ready_owed(messages))
                yield _change_step(script, number, messages=messages, until=BARRIER)


def _plainer(script):
    """No cuts, the usual way of waiting, no startup parameters."""
    for number, step in enumerate(script.steps):
        if step.cuts:
            yield _change_step(script, number, cuts=())
        owed = _ready_owed(step.messages)
        if step.until in (BARRIER, None) and owed:
            yield _change_step(script, number, until=owed)
    for name in script.startup:
        less = script.with_steps(script.steps)
        less.startup = {k: v for k, v in script.startup.items() if k != name}
        yield less


def _simpler_messages(script):
    simple = {"Q": [wire.query("select 1"), wire.query("")], "P": [], "B": [wire.bind()], "E": [wire.execute()], "d": [wire.copy_data("")]}
    for number, step in enumerate(script.steps):
        for at, message in enumerate(step.messages):
            kind = chr(message[0])
            candidates = list(simple.get(kind, []))
            if kind == "P" and message[5:6] == b"\0":
                candidates.append(wire.parse("select 1"))
            if kind == "Q" and b";" in message:
                parts = message[5:-1].decode(errors="replace").split(";")
                candidates += [wire.query(";".join(p)) for p in _without_runs(parts) if p]
            for other in candidates:
                if len(other) < len(message):
                    yield _change_step(script, number, messages=step.messages[:at] + [other] + step.messages[at + 1 :])


PASSES = (_fewer_sessions, _fewer_steps, _fewer_messages, _plainer, _simpler_messages)


def shrink(script, fails, seconds=60.0, tries=600):
    """`fails(script)` is true while it fails. The smallest one found within the time."""
    deadline = time.monotonic() + seconds
    improved = True
    while improved:
        improved = False
        for candidates in PASSES:
            again = True
            while again:
                again = False
                for candidate in candidates(script):
                    tries -= 1
                    if tries < 0 or time.monotonic() > deadline:
                        return script
                    if fails(candidate):
                        script, improved, again = candidate, True, True
                        break
    return script
