"""Each setting of a worker reaches the part that it is for."""

from __future__ import annotations

from inspect import signature
from types import SimpleNamespace

import pytest
from celery import Celery

from config.settings import WorkerSettings
from conveyor.convertapi.timeouts import Timeouts
from conveyor.domain.jobs import job_uuid
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
    assert spare_s == 15
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

    assert one == same == job_uuid(b"k" * 32, "c1", 1)
    assert one != services_of(job_key="l" * 32).job_uuid(entry)
    assert one != services_of(job_key="k" * 32).job_uuid(SimpleNamespace(id="c1", attempt=2))


def test_parts_share_what_they_have_in_common(services_of, tmp_path):
    services = services_of(
        account="shop",
        hold_seconds=2000,
        storage_url=f"{tmp_path}/files",
        source_folders=f"{tmp_path}/more",
        api_url="https://eu-v2.convertapi.com",
        namespace="ours",
    )
    client = services.ledger.client

    assert services.index._redis is client
    assert services.claims._ledger is services.ledger
    assert services.claims._turnstile is services.turnstile
    assert services.claims._governor is services.governor
    assert services.heartbeat._ledger is services.ledger
    assert services.dialects._ledger is services.ledger
    assert services.staging._storage is services.storage
    assert services.marker._place.url == services.storage.location == f"file://{tmp_path}/files"
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "a.docx").write_text("a source")
    with services.storage.open_source(f"file://{tmp_path}/more/a.docx") as stream:
        assert stream.read() == b"a source"
    assert (services.governor.account, services.dialects._account) == ("shop", "shop")
    assert services.publisher.queues.poll.startswith("ours")
    assert client.keyspace.prefix.startswith("{ours}")
    assert services.bells.publisher is services.publisher
    assert services.backend is services.publisher.app.backend
    assert services.api.base_url == "https://eu-v2.convertapi.com"


def test_crew_and_polls_are_as_large_and_as_far_apart_as_they_are_set(services_of):
    services = services_of(requests=17, poll_spacing_seconds=6.5)

    assert services.crew._size == 17
    assert 6500 < services.turnstile._spacing_ms < 6600
    assert services.turnstile._lease_ms == 13_000
    assert services.governor._step_s == 6.5


@pytest.fixture
def transports(monkeypatch):
    """What each transport was made of."""
    made, real = [], wiring.Transport

    def make(*args, **options):
        made.append(signature(real).bind(*args, **options).arguments)
        return real(*args, **options)

    monkeypatch.setattr(wiring, "Transport", make)
    return made


def test_service_is_asked_with_the_credentials_and_on_the_way_that_are_set(services_of, transports):
    services_of(
        api_url="https://eu-v2.convertapi.com",
        api_master_token="master",
        api_auth="query",
        api_proxy="http://127.0.0.1:3128",
        requests=20,
        concurrency=9,
    )

    (given,) = transports
    assert (given.pop("credentials").bearer(), given.pop("owner").bearer()) == ("hush", "master")
    assert given.pop("auth").value == "query"
    assert given.pop("timeouts")
    assert given == {
        "base_url": "https://eu-v2.convertapi.com",
        "pool_size": 9 + 20 + 8 + 8,
        "proxy": "http://127.0.0.1:3128",
    }


def test_events_are_sent_in_the_name_of_the_worker(services_of):
    services = services_of()

    assert services.announcer._node == "worker@node"
    assert services.announcer._app is services.publisher.app


@pytest.mark.parametrize("allowed", ["auto", "path", "query"])
def test_dialects_are_those_that_are_set(services_of, allowed):
    dialects = services_of(api_dialect=allowed).dialects._allowed

    assert [it.value for it in dialects] == (["path", "query"] if allowed == "auto" else [allowed])


def test_key_that_is_not_set_comes_from_redis_and_is_asked_for_once(rig):
    rig.ledger.answers["job_key"] = "k" * 32
    entry = SimpleNamespace(id="c1", attempt=1)

    assert rig.services.job_uuid(entry) == rig.services.job_uuid(entry)
    assert rig.services.job_key == b"k" * 32
    assert len(rig.given("ledger.job_key")) == 1


def test_files_of_one_answer_are_kept_under_names_of_their_own(rig):
    rig.storage.answers["save"] = lambda conversion_id, name, chunks: (conversion_id, name, chunks)
    keep = rig.services.keeper("c1")

    assert keep("a.pdf", [b"1"]) == ("c1", "a.pdf", [b"1"])
    assert keep("a.pdf", [b"2"]) == ("c1", "a-1.pdf", [b"2"])
    # An answer of another conversion knows nothing of it.
    assert rig.services.keeper("c2")("a.pdf", []) == ("c2", "a.pdf", [])
    assert rig.names("marker", "storage")[:2] == ["marker.check", "storage.save"]


@pytest.mark.parametrize("is_called", [True, False])
def test_schedule_of_a_job_knows_what_such_take_and_whether_it_will_call(rig, is_called):
    rig.ledger.expected_durations.answers["of"] = "an expectation"
    entry = SimpleNamespace(request="a request", webhook=is_called)
    schedule = rig.services.schedule_of(entry)

    assert (schedule.spacing_s, schedule.expectation) == (5.0, "an expectation")
    assert schedule.is_called is is_called
    assert rig.the("durations.of") == {"request": "a request"}
