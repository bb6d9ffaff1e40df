"""What a worker says of itself: its slots, what runs in them, its storage, its ledger."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from celery.worker import control
from celery.worker import state as worker_state

from conveyor import __version__
from conveyor.diagnosis.roll_call import ABOUT, ABOUT_S
from conveyor.errors import LedgerUnavailable, StorageError
from workers import about as module
from workers.about import _MOST_S as BOUND_S
from workers.about import about


@pytest.fixture(autouse=True)
def worker(rig_of, monkeypatch):
    """A worker with seven slots."""
    rig = rig_of(concurrency=7)
    rig.ledger.answers["identity"] = "the ledger"
    monkeypatch.setattr(module, "wired", lambda: rig.services)
    monkeypatch.setattr(module, "_MOST_S", 30.0)
    monkeypatch.setattr(worker_state, "active_requests", [])
    return rig


def test_idle_worker_tells_its_slots_and_that_its_parts_can_be_used(worker):
    assert about(None) == {
        "release": __version__,
        "slots": 7,
        "running": [],
        "storage": {"ok": True, "detail": "it can be used"},
        "ledger": "the ledger",
    }
    assert worker.names("storage") == ["storage.check"]


def test_doctor_asks_for_it_by_its_name():
    assert control.Panel.data[ABOUT](None) == about(None)
    # All parts together are given up before the doctor is.
    assert BOUND_S < ABOUT_S


def test_running_tasks_are_told_with_how_long_they_have_run(monkeypatch):
    monkeypatch.setattr(module, "time", SimpleNamespace(time=lambda: 1000.0))
    requests = [
        SimpleNamespace(name="conveyor.poll", time_start=970.0),
        SimpleNamespace(name="conveyor.submit", time_start=None),
        SimpleNamespace(name="conveyor.deliver", time_start=1001.0),
    ]
    monkeypatch.setattr(worker_state, "active_requests", requests)

    assert about(None)["running"] == [
        {"task": "conveyor.poll", "seconds": 30.0},
        {"task": "conveyor.submit", "seconds": 0.0},
        # A clock that was set back meanwhile.
        {"task": "conveyor.deliver", "seconds": 0.0},
    ]


def test_part_that_can_not_be_used_is_told(worker):
    worker.storage.answers["check"] = StorageError("It is full.")
    worker.ledger.answers["identity"] = LedgerUnavailable("Redis is away.")
    told = about(None)

    assert told["storage"] == {"ok": False, "detail": "It is full."}
    assert told["ledger"] == ""
