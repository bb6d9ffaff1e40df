"""Each setting of a worker reaches the part that it is for."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from celery import Celery

from config.settings import WorkerSettings
from conveyor.convertapi.timeouts import Timeouts
from conveyor.domain.next_steps import Limits
from conveyor.settings import load
from workers import wiring


@pytest.fixture
def services_of(tmp_path):
    """The parts of a worker with some settings."""
    with Celery(set_as_current=False, broker="memory://") as app:

        def make(**values):
            given = {"api_secret": "hush", "storage_url": str(tmp_path), **values}
            return wiring.build(app, load(WorkerSettings, **given), "worker@node")

        yield make


def test_limits_are_the_settings(services_of):
    services = services_of(
        submit_attempts=3,
        poll_failures=7,
        submit_seconds=1000,
        hold_seconds=2000,
        proof_seconds=110,
        proof_closed_seconds=11,
        allow_repay=True,
    )

    assert services.limits == Limits(
        submits=3,
        consecutive_failures=7,
        submit_s=1000,
        hold_s=2000,
        proof_s=110,
        proof_closed_s=11,
        may_repay=True,
    )
    assert services.claims._hold_s == 2000


def test_time_outs_are_the_settings(services_of):
    services = services_of(
        connect_timeout_seconds=3,
        read_timeout_seconds=17,
        answer_timeout_seconds=31,
        transfer_timeout_seconds=700,
    )
    entry = SimpleNamespace(request=SimpleNamespace(attachments={"a": 1, "b": 2}))

    assert services.api._transport.timeouts == Timeouts(3, 17, 31, 700)
    # Each of three tries may wait for a connection; and some time for what is done besides.
    spare_s = services.most_answer_s - 31 - 3 * 3
    assert 0 < spare_s <= 60
    assert services.most_file_s == 700 + services.most_answer_s
    assert services.most_upload_s(entry) == 2 * (700 + spare_s)


def test_leases_of_turnstile_delivery_and_heartbeat_have_one_length(services_of):
    services = services_of(poll_spacing_seconds=6.5)

    assert services.spacing_s == 6.5
    assert services.turnstile.lease_s == services.heartbeat._lease_s
    assert services.deliveries._lease_ms == 1000 * services.heartbeat._lease_s
    # Several beats may fail before anybody else steps in.
    assert services.heartbeat._lease_s >= 5 * services.heartbeat._every_s


def test_account_has_its_limit_and_the_spacings_steps(services_of):
    asked = services_of(account_jobs=12, poll_spacing_seconds=5.0).governor.claiming(60)

    assert (asked["most_jobs"], asked["check_s"], asked["hold_s"]) == (12, 30.0, 60)


@pytest.mark.parametrize(
    ("pool", "slots"), [("threads", 9), ("prefork", 1)], ids=["threads", "a process each"]
)
def test_each_thread_of_a_process_can_have_a_connection(services_of, pool, slots):
    services = services_of(pool=pool, concurrency=9, requests=20)
    most = services.ledger.client.connection_pool.max_connections

    assert slots + 20 < most <= slots + 20 + 20
    assert services.api._transport._requester._adapter._pool_maxsize == most


def test_webhook_has_an_address_where_one_is_set_and_else_none(services_of):
    services = services_of(webhook_url="https://e.com/hooks", webhook_key="k" * 32)

    assert services.webhook("c1").startswith("https://e.com/hooks/")
    assert services.webhook("c1") != services.webhook("c2")
    assert services_of().webhook("c1") == ""


def test_job_ids_come_of_the_key_that_is_set(services_of):
    entry = SimpleNamespace(id="c1", attempt=1)
    one, same = (services_of(job_key="k" * 32).job_uuid(entry) for _ in range(2))

    assert one == same
    assert one != services_of(job_key="l" * 32).job_uuid(entry)
    assert one != services_of(job_key="k" * 32).job_uuid(SimpleNamespace(id="c1", attempt=2))
