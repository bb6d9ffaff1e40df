"""`on_success` and `on_failure` of `convert()`: each is sent once, as Celery's link."""

from __future__ import annotations

import asyncio
import json
from contextlib import closing

import pytest
from celery import Celery, Signature

from conveyor import Conveyor, State, names
from conveyor.errors import LedgerUnavailable
from conveyor.ledger import Ledger


@pytest.fixture
def worker(worker_of, sandbox):
    with worker_of(sandbox.url, small_bytes=0) as made:
        yield made


@pytest.fixture
def note(conveyor):
    """A task that no worker of ours knows. Its messages lie in a queue that nobody draws from."""
    return lambda queue: Signature("web.note", queue=queue, app=conveyor.celery_app)


@pytest.fixture
def sent_to(client):
    """The messages in a queue: their headers and their arguments."""

    def look(queue):
        raw = map(json.loads, client.lrange(queue, 0, -1))
        return [message["headers"] for message in raw]

    return look


@pytest.fixture
def damaged(tmp_path):
    path = tmp_path / "damaged.docx"
    path.write_text("This is no docx.")
    return path


def test_success_calls_on_success_alone(*, worker, conveyor, document, note, sent_to):
    handle = conveyor.convert(document, "html", on_success=note("well"), on_failure=note("ill"))
    worker.work()

    assert handle.state is State.SUCCEEDED
    (headers,) = sent_to("well")
    assert (headers["task"], headers["parent_id"]) == ("web.note", handle.id)
    assert sent_to("ill") == []


def test_failure_calls_on_failure_alone(*, worker, conveyor, damaged, note, sent_to):
    handle = conveyor.convert(damaged, "html", on_success=note("well"), on_failure=note("ill"))
    worker.work()

    assert handle.state is State.FAILED
    assert len(sent_to("ill")) == 1
    assert sent_to("well") == []


def test_cancel_calls_on_failure(*, worker, conveyor, document, note, sent_to):
    handle = conveyor.convert(document, "html", on_success=note("well"), on_failure=note("ill"))
    handle.cancel()
    worker.work()

    assert len(sent_to("ill")) == 1
    assert sent_to("well") == []


def test_repeated_key_calls_the_first_calls_callback_once(
    *, worker, conveyor, document, note, sent_to, sandbox
):
    first = conveyor.convert(document, "html", idempotency_key="k", on_success=note("first"))
    second = asyncio.run(
        conveyor.aconvert(document, "html", idempotency_key="k", on_success=note("second"))
    )
    worker.work()

    assert first.id == second.id
    assert (len(sent_to("first")), sent_to("second")) == (1, [])
    assert sandbox.audit()["paid"] == 1


def test_callback_that_was_noted_is_not_sent_again(
    *, worker, conveyor, document, note, sent_to, monkeypatch
):
    real, failed = Ledger.delivered, []

    def failing(*args, **options):
        if len(failed) < 2:
            failed.append(args)
            raise LedgerUnavailable("Redis is away.")
        return real(*args, **options)

    monkeypatch.setattr(Ledger, "delivered", failing)
    handle = conveyor.convert(document, "html", on_success=note("well"))
    message = _delivery(worker)
    for _ in range(3):
        worker.run(message)

    assert len(sent_to("well")) == 1
    assert worker.services.ledger.get(handle.id).delivered


def test_signature_takes_the_same_callbacks(*, worker, conveyor, document, note, sent_to):
    conveyor.signature(document, to="html", on_success=[note("well"), note("well")]).apply_async()
    worker.work()

    assert len(sent_to("well")) == 2


@pytest.fixture
def shop(redis_url):
    """An application's Celery app, with routes that Conveyor's workers don't know."""
    with closing(Celery("shop", broker=redis_url, backend=redis_url)) as app:
        app.conf.task_routes = {"web.*": {"queue": "mails"}}
        yield app


@pytest.mark.parametrize("ends", ["well", "ill"])
def test_callback_goes_where_the_application_routes_it(
    *, worker, shop, tmp_path, document, damaged, sent_to, ends
):
    task = Signature("web.note", app=shop)
    source = document if ends == "well" else damaged
    with closing(Conveyor(storage_url=str(tmp_path / "files"), celery_app=shop)) as conveyor:
        conveyor.convert(source, "html", on_success=task, on_failure=task)
        worker.work()

    assert len(sent_to("mails")) == 1


def _delivery(worker):
    for _ in range(50):
        (message,) = worker.waiting()
        if message.task == names.DELIVER:
            return message
        worker.run_when_due(message)
    raise AssertionError("it was not delivered")
