"""What `conveyor status` says of workers and of the parts that it can't read."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from conveyor.cli import fleet_rows
from conveyor.diagnosis import fleet_report as module
from conveyor.diagnosis.fleet_report import report_of
from conveyor.diagnosis.roll_call import Alive
from conveyor.domain.conversion import State
from conveyor.errors import BrokerUnavailable
from conveyor.names import Queues
from conveyor.watching.fleet import Fleet

QUEUES = Queues()
IDLE = {"release": "1.0", "slots": 8, "running": [], "storage": {"ok": True}}
OURS = frozenset(QUEUES.names)


def fleet(**fields):
    states = dict.fromkeys(State, 0)
    return Fleet(states, {}, (0,) * 30, 0.0, counts={}, accounts=(), **{"unreadable": 0, **fields})


@pytest.fixture
def look(monkeypatch):
    """Look at a fleet of workers, of which each says of itself what it is given."""

    def run(told, *, queues=OURS, lengths=None, **fields):
        alive = [Alive(node, queues) for node in told]
        said = {node: about for node, about in told.items() if about is not None}
        monkeypatch.setattr(module, "roll_call", lambda *_: alive)
        monkeypatch.setattr(module, "ask_about", lambda *_: said)
        monkeypatch.setattr(module, "_lengths_of", lengths or (lambda _: {"conveyor.submit": 3}))
        conveyor = SimpleNamespace(
            celery_app=SimpleNamespace(conf=SimpleNamespace(broker_write_url="redis://h/0")),
            publisher=SimpleNamespace(queues=QUEUES),
            fleet=lambda: fleet(**fields),
            oldest=lambda: None,
        )
        return report_of(conveyor)

    return run


def rows_of(report, part):
    return [(what, how) for name, what, how in fleet_rows.rows(report) if name == part]


def test_worker_is_shown_with_its_release_and_its_slots(look):
    running = {**IDLE, "running": [{"task": "conveyor.poll", "seconds": 1}]}
    report = look({"celery@b": running, "celery@a": IDLE})

    assert report.problems == ()
    assert rows_of(report, "workers") == [
        ("celery@a", "release 1.0, 0 of 8 slots busy"),
        ("celery@b", "release 1.0, 1 of 8 slots busy"),
    ]
    assert rows_of(report, "queues") == [("conveyor.submit", "3 messages")]


def test_workers_of_two_releases_are_a_problem(look):
    report = look({"celery@a": IDLE, "celery@b": {**IDLE, "release": "1.1"}})

    assert report.problems == ("Workers run different releases: 1.0, 1.1. Upgrade the older ones.",)


def test_worker_of_a_release_that_does_not_say_which_is_shown_all_the_same(look):
    about = {name: value for name, value in IDLE.items() if name != "release"}
    report = look({"celery@a": about, "celery@b": IDLE})

    assert report.problems == ()
    assert rows_of(report, "workers")[0] == ("celery@a", "release unknown, 0 of 8 slots busy")


def test_worker_that_says_nothing_is_a_problem(look):
    report = look({"celery@a": None})

    assert rows_of(report, "workers") == [("celery@a", "says nothing of itself")]
    assert report.problems[0].startswith("celery@a: It runs, and says nothing of itself.")


def test_worker_with_a_storage_that_fails_is_a_problem(look):
    report = look({"celery@a": {**IDLE, "storage": {"ok": False, "detail": "It is full."}}})

    assert report.problems == ("celery@a: Its storage can't be used: It is full.",)


def test_workers_of_others_are_none_of_ours(look):
    report = look({"celery@a": IDLE}, queues=frozenset({"celery"}))

    assert report.workers == ()
    assert report.problems[0].startswith("No worker has answered.")


def test_broker_that_is_away_hides_nothing_of_the_ledger(look):
    def away(_):
        raise BrokerUnavailable("The broker is away.")

    report = look({}, lengths=away, lost=2)

    assert not report.is_whole
    assert report.problems == (
        "The broker is away.",
        "2 conversions are lost in Redis. Run `conveyor dead list` to see them.",
    )
    assert rows_of(report, "conversions")[0] == ("now", "0 queued, 0 converting, 0 ready")


def test_error_of_the_broker_shows_no_secret(look):
    def fail(_):
        raise RuntimeError("redis://:hush@host")

    report = look({}, lengths=fail)

    assert not report.is_whole
    assert "hush" not in str(report)
