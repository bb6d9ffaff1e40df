from __future__ import annotations

from threading import Event

import pytest

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


def test_what_was_stopped_does_no_more():
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
