"""The sweep, as each worker does it every second: a bell for what is overdue, and nothing else."""

from __future__ import annotations

import time
from uuid import uuid4

import pytest

from conveyor import names
from conveyor.ledger.keys import KINDS, Keys
from workers.sweep import sweep

KEYS = Keys()

TASKS = {"submit": names.SUBMIT, "poll": names.POLL, "deliver": names.DELIVER}


@pytest.fixture
def due(client):
    """Have so many conversions be due for something since some seconds ago, without a bell."""

    def make_due(kind, count=1, since_s=60.0):
        at = time.time() - since_s
        client.zadd(KEYS.due(kind), {str(uuid4()): at for _ in range(count)})

    return make_due


def test_sweep_where_nothing_is_due_rings_for_nothing(worker):
    assert sweep() == 0
    assert worker.waiting() == []


@pytest.mark.parametrize("kind", KINDS)
def test_sweep_sends_one_bell_to_be_heard_immediately_however_many_are_overdue(worker, due, kind):
    due(kind, count=3)

    assert sweep() == 3
    (message,) = worker.waiting()
    assert message.task == TASKS[kind]
    # No countdown, no conversion's id, and no time before which it would be taken for early.
    assert (message.due_at, message.args, message.kwargs.get("at", 0)) == (0, [], 0)


def test_sweep_rings_for_each_kind_of_which_something_is_overdue(worker, due):
    due("submit", count=2)
    due("deliver")

    assert sweep() == 3
    assert {message.task for message in worker.waiting()} == {names.SUBMIT, names.DELIVER}


def test_sweep_leaves_what_is_overdue_to_a_bell_that_is_on_its_way(worker, due):
    due("poll")

    assert [sweep() for _ in range(3)] == [1, 0, 0]
    assert len(worker.waiting()) == 1


def test_sweep_leaves_alone_what_is_due_in_a_minute(worker, due):
    due("submit", since_s=-60.0)

    assert sweep() == 0
    assert worker.waiting() == []
