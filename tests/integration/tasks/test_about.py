"""What a worker says of itself over Celery's remote control."""

from __future__ import annotations

import time

import pytest
from celery.worker import state as worker_state

from conveyor import __version__
from workers.about import about


class Running:
    """A task that runs.

    Args:
        name: Its name.
        time_start: When it began, a Unix time; None before that.
    """

    def __init__(self, name, time_start):
        self.name = name
        self.time_start = time_start


@pytest.fixture
def running():
    """Have this worker run a task."""
    made = []

    def run(name, time_start):
        made.append(Running(name, time_start))
        worker_state.active_requests.add(made[-1])

    yield run
    for each in made:
        worker_state.active_requests.discard(each)


def test_worker_that_is_well_tells_its_release_its_slots_its_storage_and_its_ledger(worker):
    assert about(None) == {
        "release": __version__,
        "slots": worker.services.settings.concurrency,
        "running": [],
        "storage": {"ok": True, "detail": "it can be used"},
        "ledger": worker.services.ledger.identity(),
    }


def test_task_that_runs_is_reported_with_the_seconds_since_it_began(worker, running):
    running("conveyor.poll", time.time() - 40)
    (told,) = about(None)["running"]

    assert told["task"] == "conveyor.poll"
    assert 40 <= told["seconds"] < 100


@pytest.mark.parametrize("begins_in_s", [None, 50.0], ids=["not begun", "by a clock that is ahead"])
def test_task_whose_beginning_is_not_in_the_past_has_run_for_no_time(worker, running, begins_in_s):
    running("conveyor.poll", None if begins_in_s is None else time.time() + begins_in_s)

    assert [told["seconds"] for told in about(None)["running"]] == [0.0]


def test_storage_that_can_not_be_used_is_named_and_the_ledger_is_told_all_the_same(
    worker, tmp_path
):
    (tmp_path / "files").write_text("no folder")
    told = about(None)

    assert not told["storage"]["ok"]
    assert told["storage"]["detail"]
    assert told["ledger"] == worker.services.ledger.identity()
