"""A worker that is a guest at an application's broker keeps to its own queues."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from celery import Celery
from celery.app.amqp import Queues
from celery.worker import control
from kombu.entity import Queue

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


def test_consumed_queue_gets_what_celery_gives_with_it(monkeypatch):
    seen = []
    monkeypatch.setattr(
        control, "add_consumer", lambda *given, **more: seen.append((given, more)) or "its answer"
    )
    state = SimpleNamespace(app=_app())

    assert guest.add_consumer(state, OURS[1], "exchange", "topic", key=1) == "its answer"
    assert seen == [((state, OURS[1], "exchange", "topic"), {"key": 1})]


def test_command_takes_the_arguments_of_celerys_own(added):
    control.Panel.data["add_consumer"](SimpleNamespace(app=_app()), OURS[0])
    about = control.Panel.meta["add_consumer"]

    assert control.Panel.data["add_consumer"] is guest.add_consumer
    assert [name for name, _ in about.args] == [
        *("queue", "exchange", "exchange_type", "routing_key"),
    ]
    assert {kind for _, kind in about.args} == {str}


@pytest.fixture
def app():
    with Celery(set_as_current=False, broker="memory://", amqp=guest.GuestAmqp) as made:
        made.conf.task_queues = [Queue(name) for name in OURS]
        yield made


def test_foreign_queue_on_redis_is_sent_to_and_not_declared(app):
    app.conf.broker_transport = "conveyor.redis"
    queue = app.amqp.queues["mail"]

    assert (queue.name, queue.exchange.name, queue.routing_key) == ("mail",) * 3
    assert queue.exchange.type == "direct"
    assert queue.no_declare is True


def test_foreign_queue_on_another_broker_is_declared(app):
    app.conf.broker_transport = None

    assert app.amqp.queues_cls is Queues
    assert not app.amqp.queues["celery"].no_declare


@pytest.fixture
def worker(app, monkeypatch):
    """A worker that is set up as far as a test does it; what Celery's own was given."""
    seen = []
    monkeypatch.setattr(
        guest.Worker, "setup_queues", lambda self, *given: seen.append(given), raising=True
    )
    made = guest.GuestWorker.__new__(guest.GuestWorker)
    made.app = app
    made.seen = seen
    return made


def test_worker_asks_nothing_of_its_neighbours(worker):
    given = worker.prepare_args(hostname="h", without_mingle=False)

    assert given == {"hostname": "h", "without_mingle": True, "without_gossip": True}


def test_worker_consumes_queues_of_its_own(worker):
    worker.setup_queues(["conveyor.poll"], ["conveyor.submit"])

    assert worker.seen == [(["conveyor.poll"], ["conveyor.submit"])]


def test_worker_that_is_told_to_consume_another_queue_ends(worker):
    for name in ("mail", "celery"):
        worker.app.amqp.queues.select_add(Queue(name))
    with pytest.raises(SystemExit) as ended:
        worker.setup_queues(["mail", "celery"])

    assert "error: -Q names celery, mail: this worker" in str(ended.value)
    assert "name some of conveyor.submit, conveyor.poll" in str(ended.value)
