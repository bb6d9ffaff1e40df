"""A worker that is a guest at an application's broker keeps to its own queues."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from celery.worker import control

from workers import guest

OURS = ("conveyor.submit", "conveyor.poll")


def _app(*consumed):
    queues = [SimpleNamespace(name=name) for name in OURS]
    return SimpleNamespace(
        conf=SimpleNamespace(task_queues=queues),
        amqp=SimpleNamespace(queues=SimpleNamespace(consume_from=dict.fromkeys(consumed))),
    )


@pytest.fixture
def added(monkeypatch):
    """The queues that Celery was told to consume."""
    queues = []
    monkeypatch.setattr(
        control, "add_consumer", lambda _state, queue, *given, **_: queues.append((queue, *given))
    )
    return queues


def test_queue_of_ours_is_consumed_when_an_application_says_so(added):
    guest.add_consumer(SimpleNamespace(app=_app()), OURS[0], "exchange")

    assert added == [(OURS[0], "exchange")]


def test_queue_of_somebody_else_is_refused_and_named(added):
    answer = guest.add_consumer(SimpleNamespace(app=_app()), "celery")

    assert added == []
    assert answer == {"error": "celery is not among this worker's queues"}
