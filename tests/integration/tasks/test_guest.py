"""What our worker sends to an application's queues leaves the application's routing as it was."""

from __future__ import annotations

import pytest
from celery import Celery
from kombu import Exchange, Queue


@pytest.fixture
def application(redis_url, client):
    """An application whose queues hang on Celery's default exchange, by topic."""
    exchange = Exchange("celery", type="topic")
    with Celery(set_as_current=False, broker=redis_url) as app:
        app.conf.update(
            # kombu keeps one pool for all apps of a process whose connections are equal, and with
            # them one list of exchanges. This app's are its own.
            broker_transport_options={"application": "its own"},
            task_default_exchange="celery",
            task_default_exchange_type="topic",
            task_default_routing_key="mail.any",
            task_queues=[
                Queue("celery", exchange, routing_key="mail.#"),
                Queue("video", exchange, routing_key="video.#"),
            ],
        )
        with app.connection_for_write() as connection:
            connection.default_channel.state.clear()
            for queue in app.amqp.queues.values():
                queue(connection.default_channel).declare()
            yield app
            connection.default_channel.state.clear()


def test_callback_makes_no_task_of_the_application_run_twice(application, worker, client):
    bound = client.smembers("_kombu.binding.celery")

    worker.app.send_task("web.notify")
    worker.app.send_task("web.notify", queue="video")
    application.send_task("web.encode", exchange="celery", routing_key="video.hd")

    assert client.smembers("_kombu.binding.celery") == bound
    assert (client.llen("celery"), client.llen("video")) == (1, 2)


def test_queue_that_a_callback_names_is_sent_to_and_not_declared(worker, client):
    worker.app.send_task("web.notify", queue="never seen")

    assert client.llen("never seen") == 1
    assert not client.exists("_kombu.binding.never seen")
