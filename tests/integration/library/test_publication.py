"""What is published is ours, whatever the application's settings are, or leaves nothing behind."""

from __future__ import annotations

import asyncio
import json
import re
import threading
import warnings
from base64 import b64decode
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import kombu.messaging
import pytest
from celery import Celery, chain, group, signals
from celery.app.defaults import DEFAULTS
from kombu import Queue
from kombu.exceptions import EncodeError, SerializerNotInstalled
from kombu.transport.redis import Channel, SentinelChannel

from conveyor import (
    AcceptanceUnknown,
    BrokerUnavailable,
    Conveyor,
    InvalidRequest,
    LedgerUnavailable,
    SettingsError,
    State,
    names,
)
from conveyor.ledger import Ledger
from conveyor.ledger.keys import Keys
from conveyor.producing.staging import Staging
from conveyor.producing.upload import Upload

URL = "https://example.com/a.docx"
CLOSED = "redis://127.0.0.1:9/0"
KEYS = Keys()
SUBMIT = "conveyor.submit"


class Route:
    """A route function that knows its own tasks alone."""

    def __call__(self, name, *_args, **_options):
        return {"shop.mail": {"queue": "mail"}}[name]


@pytest.fixture
def app_of(redis_url):
    """An application's Celery app, with settings of its own."""
    made = []

    def make(**settings):
        app = Celery("shop", broker=redis_url, backend=redis_url, set_as_current=False)
        app.conf.update(settings)
        made.append(app)
        return app

    yield make
    for app in made:
        app.close()


@pytest.fixture
def conveyor_of(app_of, tmp_path):
    def make(**settings):
        app = app_of(**settings)
        return closing(Conveyor(celery_app=app, storage_url=str(tmp_path / "files")))

    return make


@pytest.fixture
def nothing_left(client, stored):
    def check(*, rung=False):
        left = [key for key in client.scan_iter("*") if not key.startswith("_kombu")]
        # A bell that was rung is known for a second, whatever became of what it was rung for.
        passed_over = (KEYS.check, KEYS.storage, *([KEYS.bell("submit")] if rung else []))
        assert [key for key in left if key not in passed_over] == []
        assert stored() == []

    return check


def _messages(client, queue=SUBMIT):
    return [json.loads(raw) for raw in client.lrange(queue, 0, -1)]


# -- nothing that was not accepted --------------------------------------------------------------


@pytest.fixture
def broken(monkeypatch):
    """Let the publication raise, before or after the message is out."""

    def make(error, *, sent=False):
        publish = kombu.messaging.Producer.publish

        def raising(self, *args, **options):
            if sent:
                publish(self, *args, **options)
            raise error

        monkeypatch.setattr(kombu.messaging.Producer, "publish", raising)

    return make


@pytest.mark.parametrize("sent", [False, True], ids=["before it is sent", "after it is sent"])
@pytest.mark.parametrize("key", [None, "one"], ids=["no key", "key"])
@pytest.mark.parametrize(
    "error",
    [EncodeError("no"), SerializerNotInstalled("no"), KeyError("route"), TypeError("hook")],
    ids=lambda error: type(error).__name__,
)
def test_any_publication_error_means_nothing_was_accepted(
    *, conveyor, client, document, nothing_left, broken, error, key, sent
):
    broken(error, sent=sent)
    with pytest.raises(BrokerUnavailable, match=type(error).__name__) as raised:
        conveyor.convert(document, to="pdf", idempotency_key=key)

    assert raised.value.__cause__ is error
    client.delete(SUBMIT)
    nothing_left()


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(3)], ids=repr)
@pytest.mark.parametrize("key", [None, "one"])
def test_interrupted_publication_leaves_nothing(
    *, conveyor, document, nothing_left, broken, error, key
):
    broken(error)
    with pytest.raises(type(error)):
        conveyor.convert(document, to="pdf", idempotency_key=key)

    nothing_left()


@pytest.mark.parametrize("where", ["before", "after"])
def test_interrupted_acceptance_leaves_nothing(
    *, conveyor, client, document, nothing_left, monkeypatch, where
):
    """As gevent's time-outs and Ctrl-C do; the entry may be there by then."""
    open_ = Ledger.open

    def interrupted(*args, **options):
        if where == "after":
            open_(*args, **options)
        raise KeyboardInterrupt

    monkeypatch.setattr(Ledger, "open", interrupted)
    with pytest.raises(KeyboardInterrupt):
        conveyor.convert(document, to="pdf", idempotency_key="one")

    client.delete(SUBMIT)
    nothing_left(rung=where == "after")


def test_message_of_what_was_taken_back_does_nothing(conveyor, broken, client):
    broken(KeyError("late"), sent=True)
    with pytest.raises(BrokerUnavailable):
        conveyor.convert(URL, to="pdf")

    (message,) = _messages(client)
    # A bell, which names no conversion: whoever takes it up finds nothing due.
    assert json.loads(b64decode(message["body"]))[1].keys() == {"at"}
    assert client.zcard(KEYS.due("submit")) == 0


def test_failed_rollback_is_reported_as_unknown(conveyor, broken, monkeypatch, ledger):
    def lose(*_):
        raise LedgerUnavailable("Redis can't be reached.")

    broken(KeyError("hook"))
    monkeypatch.setattr(Ledger, "forget", lose)
    with pytest.raises(AcceptanceUnknown, match="may have been accepted") as raised:
        conveyor.convert(URL, to="pdf")

    assert isinstance(raised.value.__cause__, KeyError)
    conversion_id = str(raised.value).partition("The conversion ")[2].split()[0]
    assert ledger.get(conversion_id).state is State.QUEUED


def test_redis_that_has_gone_away_is_asked_for_before_the_next_conversion(conveyor, monkeypatch):
    """The first may have been accepted. Of the next it is known that they were not."""
    conveyor.convert(URL, to="pdf")
    for name in ("open", "check"):
        monkeypatch.setattr(Ledger, name, _raise(LedgerUnavailable("Redis is away.")))
    with pytest.raises(AcceptanceUnknown):
        conveyor.convert(URL, to="pdf")

    for _ in range(2):
        with pytest.raises(LedgerUnavailable) as raised:
            conveyor.convert(URL, to="pdf")
        assert not isinstance(raised.value, AcceptanceUnknown)


def test_keyed_request_continues_after_a_broker_outage(
    *, redis_url, tmp_path, ledger, client, document
):
    with closing(
        Conveyor(broker_url=CLOSED, redis_url=redis_url, storage_url=str(tmp_path / "files"))
    ) as conveyor:
        handle = conveyor.convert(document, to="pdf", idempotency_key="one")

    assert ledger.get(handle.id).state is State.QUEUED
    assert client.zrange(KEYS.due("submit"), 0, -1) == [handle.id]
    # No bell was rung, so the sweep rings.
    assert not client.exists(KEYS.bell("submit"))


def test_conversion_rings_after_a_missed_bell_of_another(conveyor, monkeypatch, client):
    with monkeypatch.context() as patch:
        patch.setattr(kombu.messaging.Producer, "publish", _raise(KeyError("hook")))
        for _ in range(2):
            with pytest.raises(BrokerUnavailable):
                conveyor.convert(URL, to="pdf")
    conveyor.convert(URL, to="pdf")

    assert len(_messages(client)) == 1


def test_key_that_another_producer_holds_is_not_taken_back(
    *, conveyor, ledger, monkeypatch, document, stored
):
    """Both asked for the same; the second has its handle when the first one's message fails."""
    publish = kombu.messaging.Producer.publish
    others = []

    def failing(*_args, **_options):
        with monkeypatch.context() as patch:
            patch.setattr(kombu.messaging.Producer, "publish", publish)
            others.append(conveyor.convert(document, to="pdf", idempotency_key="one"))
        raise KeyError("hook")

    monkeypatch.setattr(kombu.messaging.Producer, "publish", failing)
    handle = conveyor.convert(document, to="pdf", idempotency_key="one")

    assert [other.id for other in others] == [handle.id]
    assert ledger.get(handle.id).state is State.QUEUED
    assert len(stored()) == 1


def test_key_is_free_again_after_a_refusal(conveyor, monkeypatch, document, ledger):
    with monkeypatch.context() as patch:
        patch.setattr(kombu.messaging.Producer, "publish", _raise(KeyError("hook")))
        with pytest.raises(BrokerUnavailable):
            conveyor.convert(document, to="pdf", idempotency_key="one")

    handle = conveyor.convert(URL, to="png", idempotency_key="one")

    assert ledger.get(handle.id).request.to_format == "png"
    with pytest.raises(InvalidRequest, match="different request"):
        conveyor.convert(document, to="pdf", idempotency_key="one")


def _raise(error):
    def raising(*_args, **_options):
        raise error

    return raising


def test_many_producers_of_one_key_get_one_conversion(conveyor, client, document, stored):
    ids = []
    threads = [
        threading.Thread(
            target=lambda: ids.append(
                conveyor.convert(document, to="pdf", idempotency_key="one").id
            )
        )
        for _ in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(ids) == 12
    assert len(set(ids)) == 1
    assert len(_messages(client)) == 1
    assert len(stored()) == 1


@pytest.mark.parametrize("moment", ["staging", "accepting", "publishing"])
def test_cancelled_aconvert_leaves_nothing(
    *, conveyor, client, document, nothing_left, monkeypatch, moment
):
    entered, going_on = threading.Event(), threading.Event()
    kind, name = {
        "staging": (Staging, "stage_path"),
        "accepting": (Ledger, "open"),
        "publishing": (kombu.messaging.Producer, "publish"),
    }[moment]
    call = getattr(kind, name)

    def slow(*args, **options):
        entered.set()
        assert going_on.wait(30)
        return call(*args, **options)

    monkeypatch.setattr(kind, name, slow)

    async def cancel_midway():
        converting = asyncio.create_task(conveyor.aconvert(document, to="pdf"))
        await asyncio.to_thread(entered.wait, 30)
        converting.cancel()
        # It has seen the cancellation before it goes on.
        await asyncio.sleep(0)
        going_on.set()
        with pytest.raises(asyncio.CancelledError):
            await converting

    asyncio.run(cancel_midway())
    client.delete(SUBMIT)
    nothing_left(rung=moment != "staging")


@pytest.mark.parametrize("moment", ["_begin", "finish"])
def test_cancelled_astage_leaves_nothing(*, conveyor, nothing_left, monkeypatch, moment):
    entered, going_on = threading.Event(), threading.Event()
    kind = Staging if moment == "_begin" else Upload
    call = getattr(kind, moment)

    def slow(*args):
        entered.set()
        assert going_on.wait(30)
        return call(*args)

    monkeypatch.setattr(kind, moment, slow)

    async def body():
        yield b"words"

    async def cancel_midway():
        uploading = asyncio.create_task(conveyor.astage("a.docx", body()))
        await asyncio.to_thread(entered.wait, 30)
        uploading.cancel()
        await asyncio.sleep(0)
        going_on.set()
        with pytest.raises(asyncio.CancelledError):
            await uploading

    asyncio.run(cancel_midway())
    nothing_left()


def test_signature_that_can_not_be_made_leaves_nothing(
    conveyor, document, nothing_left, monkeypatch
):
    monkeypatch.setattr(Celery, "signature", _raise(KeyError("hook")))
    with pytest.raises(KeyError):
        conveyor.signature([document, document], to="zip")

    nothing_left()


# -- ours, whatever the application's settings are -----------------------------------------------

OVERRIDDEN = {
    "serializer": {"task_serializer": "pickle", "accept_content": ["pickle", "json"]},
    "compression": {"task_compression": "bzip2"},
    "no missing queues": {
        "task_create_missing_queues": False,
        "task_queues": [Queue("shop")],
        "task_default_queue": "shop",
    },
    "routes": {"task_routes": {"conveyor.*": {"queue": "theirs", "routing_key": "x"}}},
    "any route": {"task_routes": {"*": {"exchange": "theirs", "priority": 9}}},
    "topic": {
        "task_default_exchange": "shop",
        "task_default_exchange_type": "topic",
        "task_default_routing_key": "shop.task",
        "task_create_missing_queue_exchange_type": "topic",
    },
    "quorum": {"task_default_queue_type": "quorum", "task_create_missing_queue_type": "quorum"},
    "priorities": {
        "broker_transport_options": {"priority_steps": [0, 2, 8], "sep": ":"},
        "task_queue_max_priority": 10,
        "task_default_priority": 8,
        "task_inherit_parent_priority": True,
    },
    "publishing": {
        "task_publish_retry": False,
        "task_ignore_result": True,
        "task_send_sent_event": True,
        "task_default_delivery_mode": "transient",
    },
    "time": {"enable_utc": False, "timezone": "Asia/Tokyo"},
    "a transport of its own": {"broker_transport": "conveyor.messaging.transport:Transport"},
    "the transport by name": {"broker_transport": "redis", "broker_pool_limit": 0},
    "names of its own": {"task_default_queue": "shop", "event_queue_prefix": "shop"},
}


@pytest.mark.parametrize("settings", OVERRIDDEN.values(), ids=OVERRIDDEN)
@pytest.mark.parametrize("way", ["convert", "signature", "group", "chain", "options"])
def test_message_is_ours_under_any_settings(conveyor_of, client, settings, way):
    with conveyor_of(**settings) as conveyor:
        signature = None if way == "convert" else conveyor.signature(URL, to="pdf")
        if way == "convert":
            conveyor.convert(URL, to="pdf")
        elif way == "signature":
            signature.apply_async(ignore_result=True)
        elif way == "group":
            group(signature, signature).apply_async(ignore_result=True)
        elif way == "chain":
            chain(signature, conveyor.signature(to="png")).apply_async(ignore_result=True)
        else:
            # What a canvas hands down to all its parts.
            group([signature]).apply_async(queue="shop", ignore_result=True)

    messages = _messages(client)
    assert len(messages) == (2 if way == "group" else 1)
    for message in messages:
        assert message["content-type"] == "application/json"
        assert message["headers"].get("compression") in (None, "application/x-gzip")
        assert message["headers"]["task"] == names.SUBMIT
        assert message["properties"]["delivery_mode"] == 2
        assert message["properties"].get("priority", 0) == 0
        delivery = message["properties"]["delivery_info"]
        assert (delivery["exchange"], delivery["routing_key"]) == ("", SUBMIT)
    queues = [key for key in client.scan_iter("*") if client.type(key) == "list"]
    assert [key for key in queues if not key.startswith(KEYS.prefix)] == [SUBMIT]


def test_workers_read_what_an_application_compresses(conveyor_of, app, client):
    with conveyor_of(task_compression="bzip2") as conveyor:
        conveyor.signature(URL, to="pdf").apply_async(ignore_result=True)

    with (
        app.connection_for_read() as connection,
        closing(connection.SimpleQueue(SUBMIT)) as messages,
    ):
        message = messages.get_nowait()
        message.ack()
    assert message.payload[0] == [[URL]]


def test_convert_asks_no_hook_of_the_application(conveyor_of, client, monkeypatch):
    """Neither signal handlers, nor routes, nor its own way to send tasks."""
    touched = []

    def rewrite(headers, properties, **_):
        touched.append(headers)
        properties["priority"] = 9

    monkeypatch.setattr(Celery, "send_task", _raise(KeyError("hook")))
    signals.before_task_publish.connect(rewrite, weak=False)
    try:
        with conveyor_of(task_always_eager=True, task_routes=Route()) as conveyor:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                handle = conveyor.convert(URL, to="pdf")
            handle.cancel()
    finally:
        signals.before_task_publish.disconnect(rewrite)

    assert touched == []
    assert len(_messages(client)) == len(_messages(client, "conveyor.deliver")) == 1


# -- what can't work ----------------------------------------------------------------------------

REFUSED = {
    "task_protocol": {"task_protocol": 1},
    "accept_content": {"accept_content": ["pickle"]},
    "result_accept_content": {"result_accept_content": ["yaml"]},
    "result_serializer": {"result_serializer": "pickle"},
    "broker_transport_options['global_keyprefix']": {
        "broker_transport_options": {"global_keyprefix": "shop_"}
    },
    "broker_transport_options['priority_steps']": {
        "broker_transport_options": {"priority_steps": [3, 6]}
    },
    "result_backend_transport_options['global_keyprefix']": {
        "result_backend_transport_options": {"global_keyprefix": "shop_"}
    },
    "result_backend_transport_options['result_chord_ordered']": {
        "result_backend_transport_options": {"result_chord_ordered": False}
    },
    "broker_url": {"broker_url": "redis://:hush@a;redis://:hush@b"},
    "broker_transport": {"broker_transport": "memory"},
    "broker_use_ssl": {"broker_use_ssl": {"ssl_cert_reqs": None}},
    "redis_backend_use_ssl": {"redis_backend_use_ssl": {"ssl_cert_reqs": None}},
    "result_backend": {"result_backend": "django-db"},
}
BACKENDS = ["rpc://", "db+sqlite:///x", "cache+memory://", "disabled", None, "redis://:hush@else/3"]


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        *REFUSED.items(),
        ("broker_url", {"broker_url": ["redis://a", "redis://b"]}),
        ("broker_url", {"broker_write_url": "redis://:hush@elsewhere"}),
        *(("result_backend", {"result_backend": backend}) for backend in BACKENDS),
    ],
    ids=str,
)
def test_unusable_setting_is_refused_immediately(app_of, redis_url, tmp_path, name, settings):
    app = app_of(**settings)
    with pytest.raises(SettingsError) as raised:
        Conveyor(
            celery_app=app,
            broker_url=redis_url,
            result_backend=redis_url,
            storage_url=str(tmp_path),
        )

    said = str(raised.value)
    assert said.startswith(f"{name} of the Celery app ")
    assert "without celery_app" in said
    assert "\n" not in said
    assert "hush" not in said


def test_broken_result_backend_is_reported_separately(app_of, tmp_path):
    for backend in ("django-db", "rpc://"):
        with pytest.raises(SettingsError, match="result_backend of the Celery app"):
            Conveyor(celery_app=app_of(result_backend=backend), storage_url=str(tmp_path))


def test_one_server_may_be_named_in_several_ways(app_of, valkey_server, redis_url, tmp_path):
    port = valkey_server.port
    password = redis_url.partition("@")[0].rpartition(":")[2]
    app = app_of(
        broker_url=f"redis://:{password}@localhost:{port}",
        result_backend=f"redis://:{password}@127.0.0.1:{port}/0?socket_timeout=5",
    )
    with closing(
        Conveyor(celery_app=app, redis_url=redis_url, storage_url=str(tmp_path))
    ) as conveyor:
        assert conveyor.celery_app is app


def test_application_with_unusable_settings_works_without_its_app(redis_url, tmp_path, client):
    with closing(Conveyor(broker_url=redis_url, storage_url=str(tmp_path))) as conveyor:
        conveyor.convert(URL, to="pdf")
        conveyor.signature(URL, to="pdf").apply_async(ignore_result=True)

    assert len(_messages(client)) == 2


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("task_always_eager", {"task_always_eager": True}),
        ("task_routes", {"task_routes": Route()}),
        (
            "task_create_missing_queues",
            {
                "task_create_missing_queues": False,
                "task_queues": [Queue("shop")],
                "task_routes": {"*": {"queue": "missing"}},
                "task_default_queue": "shop",
            },
        ),
    ],
    ids=["eager", "route", "queue"],
)
def test_unsendable_signature_is_reported_before_staging(
    *, conveyor_of, document, nothing_left, client, name, settings
):
    with conveyor_of(**settings) as conveyor:
        with pytest.raises(SettingsError, match=f"{name} of the Celery app"):
            conveyor.signature(document, to="pdf")
        nothing_left()
        # Without a signature all goes well.
        conveyor.convert(URL, to="pdf")
    assert len(_messages(client)) == 1


def test_setting_that_is_made_later_is_told_where_it_matters(conveyor_of):
    with conveyor_of() as conveyor:
        conveyor.celery_app.conf.result_serializer = "yaml"
        with pytest.raises(SettingsError, match="result_serializer"):
            conveyor.signature(URL, to="pdf")


def test_every_setting_of_celery_stands_in_the_table():
    """One that a newer Celery or kombu brings is decided about before it is used."""
    page = Path("docs/production.md").read_text(encoding="utf-8")
    table = page.partition("### The application's Celery settings")[2].partition("\n## ")[0]
    named = set(re.findall(r"`([a-z_0-9]+\*?)`", table))
    families = tuple(name.rstrip("*") for name in named if name.endswith("*"))

    def is_decided(name):
        return name in named or name.startswith(families)

    options = {*Channel.from_transport_options, *SentinelChannel.from_transport_options}
    assert [name for name in DEFAULTS if not is_decided(name)] == []
    assert sorted(name for name in options if not is_decided(name)) == []
    for name in REFUSED:
        assert re.findall(r"[a-z_]+", name)[-1] in named


def test_timedelta_is_refused_where_it_is_sent(conveyor_of, app_of):
    with conveyor_of() as conveyor:
        callback = app_of().signature("shop.mail", args=[{1, timedelta(1)}])
        with pytest.raises(EncodeError):
            conveyor.signature(URL, to="pdf").apply_async(link=callback)
