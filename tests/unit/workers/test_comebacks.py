from __future__ import annotations

from types import SimpleNamespace

import pytest
from celery.exceptions import Reject, Retry

from workers.comebacks import come_back

WHY = RuntimeError("Redis refuses it")


class Task:
    """A task whose message was sent again so often."""

    def __init__(self, retries, ends=Retry):
        self.request = SimpleNamespace(retries=retries)
        self._ends = ends
        self.countdowns = []

    def retry(self, *, countdown):
        self.countdowns.append(countdown)
        raise self._ends


@pytest.mark.parametrize(
    ("retries", "countdown_s"), [(0, 1), (1, 2), (5, 32), (6, 60), (10, 60), (100_000, 60)]
)
def test_message_comes_back_after_longer_each_time_and_a_minute_at_most(retries, countdown_s):
    task = Task(retries)
    with pytest.raises(Retry):
        come_back(task, WHY)

    assert task.countdowns == [countdown_s]


def test_message_that_the_broker_does_not_take_goes_back_to_its_queue():
    with pytest.raises(Reject) as rejected:
        come_back(Task(0, Reject), WHY)

    assert rejected.value.requeue is True
    assert rejected.value.reason is WHY
