"""Hand-written scripts, generated ones from fixed seeds, open bugs, and the tester itself against one that lies."""

import multiprocessing
import os
import signal
from pathlib import Path

import pytest

import harness
import jobs
import relay
from campaign import Campaign
from generator import generate
from model import Script, script_literal, wire
from open_bugs import OPEN
from player import Unfit
from rig import Rig
from scripts import SCRIPTS
from shrink import shrink

SEEDS = range(1, 101)
CHUNK = 20  # seeds per test
SHRINK_SECONDS = 10


@pytest.fixture
def campaign(rig):
    c = Campaign(rig, shrink_seconds=SHRINK_SECONDS)
    yield c
    print(c.tally)


@pytest.mark.parametrize("name", SCRIPTS)
def test_script(campaign, name):
    failure = campaign.play(name, SCRIPTS[name])
    assert failure is None, "\n" + failure.report()


@pytest.mark.parametrize("first", SEEDS[::CHUNK])
def test_seeds(campaign, first):
    for seed in range(first, first + CHUNK):
        failure = campaign.random(seed)
        assert failure is None, f"seed {seed}\n" + failure.report()


def test_open_bugs_are_still_there(rig):
    for bug in OPEN.values():
        for script in bug.scripts:
            failed = rig.judge(script, "transaction")[-1].failed
            rig.renew()
            assert failed, f"mended: {bug.reason}. Move this script to the others:\n{script_literal(script)}"


# ---- the tester itself

LIES = {
    "a row is missing": relay.drop(b"D", 3),
    "two replies change places": relay.swap(b"D", 2),
    "a row of somebody else": relay.change(b"D", 4, b"two", b"TWO"),
    "a wrong transaction status": relay.change(b"Z", 2, b"T", b"I"),
    "a command tag is wrong": relay.change(b"C", 0, b"SELECT 3", b"SELECT 4"),
    "a ParameterStatus too many": relay.twice(b"S", 0),
    "a notice is missing": relay.drop(b"N", 0),
    "a message no server sends": relay.twice(b"Z", 2),
    "a hang": relay.drop(b"Z", 3),
}
STORY = Script(
    ("a", [wire.query("select generate_series(1, 3)")], 1), ("b", [wire.query("begin")], 1), ("a", [wire.query("set timezone = 'Asia/Tokyo'")], 1),
    ("a", [wire.query("begin"), wire.query("select * from own_a order by id"), wire.query("select noisy(1)"), wire.query("rollback")], 4),
    ("b", [wire.parse("select 7"), wire.bind(), wire.execute(), wire.sync(), wire.query("rollback")], 2))


def plays(rig, lie, script):
    """The verdict with a relay in the place of Forebay."""
    r = relay.Relay(rig.cluster.primary, lie)
    try:
        return rig.through(script, rig.direct(script, patience=1), "transaction", 1, endpoint=r, patience=1)
    finally:
        r.close()


def test_an_honest_relay_passes(rig):
    assert not plays(rig, relay.honest, STORY).failed


@pytest.mark.parametrize("name", LIES)
def test_a_lie_is_noticed(rig, name):
    verdict = plays(rig, LIES[name], STORY)
    assert verdict.failed and "#" in verdict.difference.side_by_side()


def test_a_lie_is_shrunk_to_its_cause(rig):
    lie = LIES["a notice is missing"]

    def fails(script):
        try:
            return plays(rig, lie, script).failed
        except Unfit:
            return False

    small = shrink(STORY, fails, seconds=30)
    assert [s.session for s in small.steps] == ["a"]
    assert small.steps[0].messages in ([wire.query("select noisy(1)")], [wire.query("rollback")])  # either has a notice


def test_a_script_can_be_pasted():
    for seed in range(300):
        script = generate(seed)
        assert eval(script_literal(script), {**vars(wire), "Script": Script, "BARRIER": "|", "CLOSED": "!"}) == script  # noqa: S307


def test_a_seed_gives_the_same_script():
    assert all(generate(seed) == generate(seed) for seed in range(50))


def test_an_ended_forebay_is_reported(rig, monkeypatch):
    monkeypatch.setattr(rig, "proxy", type("Ended", (harness.Forebay,), {"__init__": lambda self: None, "alive": lambda self: False,
                                                                          "log": lambda self: "last words", "process": type("P", (), {"returncode": -6})})())
    with pytest.raises(AssertionError, match="-6"):
        Rig.judge(rig, STORY)


def test_jobs_give_their_results():
    assert sorted(jobs.run(3, lambda number, stopping: number * 10)) == [0, 10, 20]


def test_a_job_that_fails_ends_the_others(tmp_path):
    """In a process of its own, as run() takes the signals."""
    def work(number, stopping):
        if number == 0:
            harness.eventually(lambda: len(list(tmp_path.iterdir())) == 2, what="the others wait")
            raise AssertionError("as it shall be")
        try:
            Path(tmp_path, f"{os.getpid()} waits").touch()
            signal.pause()
        finally:
            Path(tmp_path, f"{os.getpid()} waits").unlink()

    whole = multiprocessing.get_context("fork").Process(target=jobs.run, args=(3, work))
    whole.start()
    whole.join(20)
    assert whole.exitcode == 1 and list(tmp_path.iterdir()) == []
