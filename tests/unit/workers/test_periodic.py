from __future__ import annotations

import re
from threading import Event
from types import SimpleNamespace

import pytest
import redis
from kombu.exceptions import OperationalError
from structlog.testing import capture_logs

from conveyor.errors import LedgerUnavailable
from workers import periodic
from workers.periodic import Periodic


@pytest.mark.parametrize("fault", [LedgerUnavailable("away"), ValueError("a bug")], ids=repr)
def test_a_fault_ends_one_time_and_not_the_next(fault):
    faults, done = [fault, fault], Event()

    def work():
        if faults:
            raise faults.pop()
        done.set()

    made = Periodic("test", 0.01, work)
    made.start()
    assert done.wait(60)
    made.stop()


@pytest.mark.parametrize("kind", [OperationalError, redis.ConnectionError, OSError])
def test_server_that_is_down_is_reported_once_without_its_errors_own_words(kind):
    faults, done = [kind("redis://:hush-1@host"), kind("redis://:hush-2@host")], Event()

    def work():
        if faults:
            raise faults.pop()
        done.set()

    made = Periodic("test", 0.01, work)
    with capture_logs() as logs:
        made.start()
        assert done.wait(60)
        made.stop()

    (told,) = [entry["reason"] for entry in logs if entry["event"] == "waiting"]
    assert told.startswith("The broker can't be ")
    assert re.search(r"\bCONVEYOR_BROKER_URL\b", told)
    assert "hush" not in str(logs)


def test_stopped_thread_does_no_more():
    times, first = [], Event()

    def work():
        times.append(1)
        made.stop()
        first.set()

    made = Periodic("test", 0.01, work)
    made.start()
    assert first.wait(60)
    first.clear()

    assert not first.wait(0.1)
    assert times == [1]


@pytest.fixture
def run(monkeypatch):
    """Do a work again and again, in this thread, until it stops; what was complained of."""
    told = []

    def note(what):
        # Threads that other tests have left behind say something, too.
        return lambda who, *it: told.append((what, who, *it)) if who == "test" else None

    seen = SimpleNamespace(begin=note("begin"), end=note("end"))
    monkeypatch.setattr(periodic, "complaints", seen)

    def go(*answers):
        left = list(answers)

        def work():
            answer = left.pop(0)
            if not left:
                made.stop()
            if answer is not None:
                raise answer

        made = Periodic("test", 0.001, work)
        made._run()
        return told

    return go


def test_work_that_succeeds_ends_its_complaint(run):
    assert run(None, None) == [("end", "test"), ("end", "test")]


def test_fault_of_ours_is_complained_of_in_its_own_words(run):
    assert run(LedgerUnavailable("Redis is away."), None) == [
        ("begin", "test", "Redis is away."),
        ("end", "test"),
    ]


def test_unexpected_fault_is_logged_and_is_no_complaint(run, logged):
    assert run(ZeroDivisionError(), None) == [("end", "test")]
    assert [(line["event"], line["work"]) for line in logged] == [("periodic_failed", "test")]


def test_thread_of_a_work_has_its_name_and_ends_with_its_process(threads_of):
    made = threads_of(periodic)
    work = Periodic("test", 1.0, lambda: None)
    work.start()

    assert made == [{"target": work._run, "name": "conveyor-test", "daemon": True}, "started"]
