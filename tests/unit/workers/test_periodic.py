from __future__ import annotations

from threading import Event

import pytest
import redis
from kombu.exceptions import OperationalError
from structlog.testing import capture_logs

from conveyor.errors import LedgerUnavailable
from workers.periodic import Periodic


@pytest.mark.parametrize("fault", [LedgerUnavailable("away"), ValueError("a bug")], ids=repr)
def test_a_fault_ends_one_time_and_not_the_next(fault):
    faults, done = [fault, fault], Event()

    def work():
        if faults:
            raise faults.pop()
        done.set()

    periodic = Periodic("test", 0.01, work)
    periodic.start()
    assert done.wait(60)
    periodic.stop()


@pytest.mark.parametrize("kind", [OperationalError, redis.ConnectionError, OSError])
def test_server_that_is_down_is_reported_once_without_its_errors_own_words(kind):
    faults, done = [kind("redis://:hush-1@host"), kind("redis://:hush-2@host")], Event()

    def work():
        if faults:
            raise faults.pop()
        done.set()

    periodic = Periodic("test", 0.01, work)
    with capture_logs() as logs:
        periodic.start()
        assert done.wait(60)
        periodic.stop()

    (told,) = [entry["reason"] for entry in logs if entry["event"] == "waiting"]
    assert told.startswith("The broker can't be ")
    assert "CONVEYOR_BROKER_URL" in told
    assert "hush" not in str(logs)


def test_stopped_thread_does_no_more():
    times, first = [], Event()

    def work():
        times.append(1)
        periodic.stop()
        first.set()

    periodic = Periodic("test", 0.01, work)
    periodic.start()
    assert first.wait(60)
    first.clear()

    assert not first.wait(0.1)
    assert times == [1]
