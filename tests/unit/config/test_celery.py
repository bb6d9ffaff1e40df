from __future__ import annotations

import json

import pytest
from celery import Celery

from config.celery import celery_options
from config.settings import WorkerSettings
from conveyor.domain.delays import MAX_DELAY_S
from conveyor.domain.polls import MAX_FALLBACK_S
from conveyor.names import Queues
from conveyor.settings import load


@pytest.fixture
def options_of():
    def make(**values):
        return celery_options(load(WorkerSettings, api_secret="hush", **values))

    return make


def test_no_countdown_reaches_the_least_allowed_visibility_time_out():
    """Else a message that only waits is handed out twice."""
    bounds = WorkerSettings.model_fields["visibility_timeout_seconds"].metadata
    least_s = next(bound.ge for bound in bounds if hasattr(bound, "ge"))

    assert least_s >= 2 * max(MAX_DELAY_S, MAX_FALLBACK_S)


def test_the_broker_is_told_the_visibility_time_out(options_of):
    options = options_of(visibility_timeout_seconds=333)

    assert options["broker_transport_options"]["visibility_timeout"] == 333


@pytest.mark.parametrize("concurrency", [1, 32, 1000])
def test_no_thread_waits_for_a_connection(options_of, concurrency):
    options = options_of(concurrency=concurrency)

    assert options["worker_concurrency"] == concurrency
    assert options["broker_pool_limit"] > concurrency
    assert options["redis_max_connections"] > concurrency
    assert options["broker_transport_options"]["max_connections"] > concurrency


def test_a_lost_worker_loses_no_message(options_of):
    options = options_of()

    assert options["task_acks_late"] is True
    assert options["task_reject_on_worker_lost"] is True
    assert options["worker_cancel_long_running_tasks_on_connection_loss"] is False
    assert options["broker_connection_max_retries"] is None


@pytest.mark.parametrize(
    ("url", "transport"),
    [
        ("redis://host:6379/0", "conveyor.messaging.transport:Transport"),
        ("rediss://host:6379/0", "conveyor.messaging.transport:Transport"),
        ("redis+socket:///run/redis.sock", "conveyor.messaging.transport:Transport"),
        ("sentinel://a,b,c/mymaster/0", "conveyor.messaging.transport:Transport"),
        ("amqp://host:5672", None),
    ],
)
def test_redis_brokers_alone_have_our_transport(options_of, url, transport):
    options = options_of(broker_url=url, redis_url="redis://host:6379/0")

    assert options["broker_transport"] == transport


def test_messages_hold_data_and_never_code(options_of):
    options = options_of()

    assert options["accept_content"] == ["json"]
    assert {options["task_serializer"], options["result_serializer"]} == {"json"}


def test_a_broker_that_is_down_shows(options_of):
    transport = options_of()["broker_transport_options"]

    assert 0 < transport["socket_connect_timeout"] <= transport["socket_timeout"] <= 60


def test_our_tasks_go_to_our_queues_and_the_callers_to_theirs(options_of):
    options = options_of(canvas_queue="web")

    assert options["task_default_queue"] == "web"
    assert {name: it["queue"] for name, it in options["task_routes"].items()} == Queues().of_tasks


def test_a_worker_consumes_the_queues_of_its_namespace_and_no_other(options_of):
    with Celery(set_as_current=False, broker="memory://") as app:
        app.conf.update(options_of(namespace="staging"), broker_transport=None)
        app.amqp.queues["celery"]  # where a callback is sent to

        assert set(app.amqp.queues.consume_from) == set(Queues("staging").names)


def test_unacknowledged_messages_are_below_the_namespace(options_of):
    options = options_of(namespace="staging")["broker_transport_options"]

    assert options["unacked_key"] == "staging:unacked"
    assert options["unacked_index_key"] == "staging:unacked_index"
    assert options["unacked_mutex_key"] == "staging:unacked_mutex"


def test_api_secret_is_not_in_celerys_configuration(options_of):
    assert "hush" not in json.dumps(options_of(), default=str)
