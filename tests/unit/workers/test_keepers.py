"""What every worker does beside its tasks, from when it is ready until it shuts down."""

from __future__ import annotations

import gc
from typing import ClassVar

import pytest
from celery import signals

from workers import (
    cleaner,
    cleanup,
    deadlines,
    eraser,
    expiring,
    start,
    storage_watch,
    sweep,
)

SIGNALS = (signals.worker_init, signals.worker_ready, signals.worker_shutting_down)


class Kept:
    """A `Periodic` that notes what it was told."""

    made: ClassVar[list[Kept]] = []

    def __init__(self, name, every_s, work):
        self.is_running = False
        self.name = name
        self.about = (every_s, work)
        Kept.made.append(self)

    def start(self):
        self.is_running = True

    def stop(self):
        self.is_running = False


@pytest.fixture
def keepers(monkeypatch):
    """Those of a worker that has just been made; its signals reach nobody else."""
    before = {signal: list(signal.receivers) for signal in SIGNALS}
    for signal in SIGNALS:
        signal.receivers[:] = []
    monkeypatch.setattr(start, "Periodic", Kept)
    monkeypatch.setattr(Kept, "made", [])
    start._hook_keepers()
    # A signal that held its receivers weakly would have lost them by now.
    gc.collect()
    yield Kept.made
    for signal, receivers in before.items():
        signal.receivers[:] = receivers


def test_worker_that_is_ready_sweeps_cleans_and_deletes(keepers):
    signals.worker_ready.send(sender=None)
    done = [keeper.about for keeper in keepers if keeper.is_running]

    assert done.count((1.0, sweep.sweep)) == 1
    assert done.count((1.0, deadlines.end_late)) == 1
    assert done.count((30.0, cleaner.clean_ledger)) == 1
    assert done.count((30.0, cleaner.clean_storage)) == 1
    assert done.count((10.0, storage_watch.look)) == 1
    assert done.count((2.0, eraser.erase_due)) == 1
    assert done.count((5.0, expiring.remove_expired)) == 1
    assert done.count((2.0, cleanup.clean_up)) == 4
    assert len(done) == 11
    # By these names the log says which of them can't do its work.
    assert [keeper.name for keeper in keepers] == [
        *("sweep", "deadlines", "cleaner", "clean-storage", "storage", "eraser", "expiring"),
        *(f"cleanup-{number}" for number in range(4)),
    ]


def test_worker_that_is_not_ready_yet_does_nothing_of_it(keepers):
    assert not any(keeper.is_running for keeper in keepers)


def test_worker_that_shuts_down_stops_all_of_it(keepers):
    signals.worker_ready.send(sender=None)
    signals.worker_shutting_down.send(sender=None, sig="TERM", how="warm", exitcode=0)

    assert keepers
    assert not any(keeper.is_running for keeper in keepers)
