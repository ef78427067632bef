"""The command line of scripts/differential."""

import argparse
import random
import signal
import sys
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).resolve().parents[1] / "integration")]

from campaign import Campaign  # noqa: E402
from open_bugs import OPEN  # noqa: E402
from rig import MODES, Rig  # noqa: E402
from scripts import SCRIPTS  # noqa: E402


def arguments():
    p = argparse.ArgumentParser(prog="scripts/differential", description=__doc__)
    p.add_argument("--seed", type=int, help="the first seed of generated scripts (default: one at random); each script has the next one")
    p.add_argument("--count", type=int, help="so many generated scripts (default with --seed and without --minutes: 1)")
    p.add_argument("--minutes", type=float, help="generated scripts for so long (default: 1)")
    p.add_argument("--mode", choices=MODES, help="only this pool mode (default: all)")
    p.add_argument("--script", metavar="NAME", help="only the hand-written scripts and open bugs whose names begin so; no generated ones")
    p.add_argument("--keep-going", type=int, default=5, metavar="N", help="end after so many failures (default: 5)")
    return p.parse_args()


def hand_written(campaign, name):
    scripts = dict(SCRIPTS)
    if name is not None:
        scripts.update({f"open: {bug} {n}": s for bug, o in OPEN.items() for n, s in enumerate(o.scripts)})
        scripts = {n: s for n, s in scripts.items() if n.startswith((name, f"open: {name}"))}
        if not scripts:
            sys.exit(f"no script {name!r}; there are:\n" + "\n".join(SCRIPTS))
        campaign.seen = lambda *_: None  # asked for by name: shown, even if open
    for n, script in scripts.items():
        campaign.play(n, script)


def generated(campaign, seed, count, minutes, most):
    deadline = time.monotonic() + minutes * 60
    while count != 0 and time.monotonic() < deadline and len(campaign.failures) < most:
        campaign.random(seed)
        seed, count = seed + 1, None if count is None else count - 1
    return seed


def main():
    given = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the cluster and Forebay end too
    rig = Rig(MODES)
    try:
        campaign = Campaign(rig, given.mode, say=lambda text: print(text + "\n", flush=True))
        if given.script is not None or given.seed is None:
            hand_written(campaign, given.script)
        if given.script is None:
            count = given.count if given.count is not None else 1 if given.seed is not None and given.minutes is None else None
            first = given.seed if given.seed is not None else random.SystemRandom().randrange(10**6, 10**9)
            end = generated(campaign, first, count, 60 if count is not None and given.minutes is None else given.minutes or 1, given.keep_going)
            print(f"seeds {first} to {end - 1}")
        print(campaign.summary())
    finally:
        rig.stop()
    sys.exit(1 if campaign.failures else 0)


main()
