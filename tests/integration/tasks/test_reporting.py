"""Each step of a report to a caller is noted, and a delivery that comes again leaves it out."""

from __future__ import annotations

import gc
import json

import pytest
from celery import Signature, chain
from celery.result import AsyncResult

from conveyor import ConversionFailed, names
from conveyor.errors import LedgerUnavailable
from conveyor.ledger import Ledger
from conveyor.ledger.keys import Keys

KEYS = Keys()


@pytest.fixture
def worker(worker_of, sandbox):
    """One that has each result delivered by a message of its own."""
    with worker_of(sandbox.url, small_bytes=0) as made:
        yield made


@pytest.fixture(autouse=True)
def collected():
    """Celery's results end what they listen for when they are collected: while Valkey lives."""
    yield
    gc.collect()


@pytest.fixture
def note(conveyor):
    """A callback whose messages lie in a queue that nobody draws from."""
    return lambda queue, **options: Signature(
        "web.note", queue=queue, app=conveyor.celery_app, options=options
    )


@pytest.fixture
def delivery_of(worker):
    """The message that tells of a workflow's conversion."""

    def run_until_there():
        for _ in range(50):
            (message,) = worker.waiting()
            if message.task == names.DELIVER:
                return message
            worker.run_when_due(message)
        raise AssertionError("it was not delivered")

    return run_until_there


@pytest.fixture
def ids_in(client):
    """The task ids of the messages in a queue."""

    def look(queue):
        return [json.loads(raw)["headers"]["id"] for raw in client.lrange(queue, 0, -1)]

    return look


@pytest.fixture
def fails(monkeypatch):
    """A transition that Redis does not answer, from the n-th time on it does again."""

    def arrange(name, times=1):
        real, failed = getattr(Ledger, name), []

        def failing(*args, **options):
            if len(failed) < times:
                failed.append(name)
                raise LedgerUnavailable("Redis is away.")
            return real(*args, **options)

        monkeypatch.setattr(Ledger, name, failing)

    return arrange


def test_callback_that_was_noted_is_not_sent_again(
    *, worker, conveyor, document, note, delivery_of, ids_in, fails
):
    result = conveyor.signature(document, to="html").apply_async(link=note("called"))
    message = delivery_of()
    fails("delivered", times=2)
    for _ in range(3):
        worker.run(message)

    assert len(ids_in("called")) == 1
    assert worker.services.ledger.get(result.id).delivered
    assert AsyncResult(result.id, app=worker.app).get(timeout=30)["state"] == "succeeded"


def test_callback_after_a_lost_write_is_sent_again_as_the_same_task(
    *, worker, conveyor, document, note, delivery_of, ids_in, fails
):
    """So a conversion that follows is not paid twice."""
    conveyor.signature(document, to="html").apply_async(link=[note("called"), note("other")])
    message = delivery_of()
    fails("sent")
    for _ in range(2):
        worker.run(message)

    first, second = ids_in("called")
    assert first == second
    assert len(ids_in("other")) == 1


def test_conversion_that_follows_another_is_paid_once_though_its_message_comes_twice(
    *, worker, conveyor, document, sandbox, delivery_of, fails
):
    last = chain(
        conveyor.signature(document, to="html"), conveyor.signature(to="txt")
    ).apply_async()
    message = delivery_of()
    fails("sent")
    worker.run(message)
    again = worker.waiting()
    worker.run(message)
    for each in again:
        worker.run(each)
    worker.work()

    assert AsyncResult(last.id, app=worker.app).get(timeout=30)["state"] == "succeeded"
    assert sandbox.audit()["paid"] == 2


def test_errback_runs_once_and_after_the_failure_is_stored(
    *, worker, conveyor, tmp_path, note, delivery_of, ids_in, fails
):
    damaged = tmp_path / "damaged.docx"
    damaged.write_text("This is no docx.")
    result = conveyor.signature(damaged, to="html").apply_async(
        link_error=[note("failed"), note("failed")]
    )
    message = delivery_of()
    fails("delivered")
    for _ in range(3):
        worker.run(message)

    # The last one is noted by the step that was lost.
    assert len(ids_in("failed")) == 3
    with pytest.raises(ConversionFailed):
        AsyncResult(result.id, app=worker.app).get(timeout=30)


@pytest.mark.tracebacks("TypeError")
def test_unsendable_callback_does_not_block_the_result(
    *, worker, conveyor, document, note, delivery_of, ids_in
):
    result = conveyor.signature(document, to="html").apply_async(
        link=[note("called", countdown="soon"), note("called")]
    )
    message = delivery_of()
    worker.run(message)
    entry = worker.services.ledger.get(result.id)

    assert AsyncResult(result.id, app=worker.app).get(timeout=30)["state"] == "succeeded"
    assert len(ids_in("called")) == 1
    assert (entry.delivered, entry.stumbles) == (False, 1)
    assert set(entry.sent.split()) == {"link:1", "result"}


def test_conversion_without_callbacks_costs_no_note(
    *, worker, conveyor, document, delivery_of, monkeypatch
):
    conveyor.convert(document, to="html")
    message = delivery_of()

    def noted(*_args):
        raise AssertionError("nothing is to be noted")

    monkeypatch.setattr(Ledger, "sent", noted)
    worker.run(message)

    assert worker.services.ledger.get(message.id).delivered
