"""What stands in the result backend and in the callbacks' messages when a caller is told."""

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


@pytest.fixture(autouse=True)
def collected():
    """Celery's results end what they listen for when they are collected: while Valkey lives."""
    yield
    gc.collect()


@pytest.fixture
def note(conveyor):
    """A task of the application's, whose messages lie in a queue that nobody draws from."""
    return lambda queue, **options: Signature(
        "web.note", queue=queue, app=conveyor.celery_app, options=options
    )


@pytest.fixture
def messages(client):
    """The headers of the messages in a queue."""
    return lambda queue: [json.loads(raw)["headers"] for raw in client.lrange(queue, 0, -1)]


def test_result_names_the_tasks_that_were_called_with_it(
    worker, conveyor, document, note, messages
):
    result = conveyor.signature(document, to="html").apply_async(link=[note("a"), note("b")])
    worker.work()
    meta = worker.app.backend.get_task_meta(result.id, cache=False)
    called = [header for queue in ("a", "b") for header in messages(queue)]

    assert meta["status"] == "SUCCESS"
    assert [child[0][0] for child in meta["children"]] == [header["id"] for header in called]
    assert [header["parent_id"] for header in called] == [result.id] * 2
    assert [header["root_id"] for header in called] == [result.id] * 2


def test_next_of_a_chain_belongs_to_the_workflow_of_the_first(
    worker, conveyor, document, note, messages
):
    first = conveyor.signature(document, to="html")
    result = chain(first, note("next"), note("last")).apply_async()
    worker.work()
    (header,) = messages("next")

    assert header["id"] != result.id
    assert header["root_id"] == header["parent_id"] == result.parent.parent.id
    assert messages("last") == []


def test_failure_is_stored_with_its_words_and_fails_the_rest_of_the_chain(
    *, worker, conveyor, note, messages
):
    first = conveyor.signature("s3://elsewhere/a.docx", to="pdf")
    result = chain(first, note("next")).apply_async()
    worker.work()
    meta = worker.app.backend.get_task_meta(result.parent.id, cache=False)

    assert meta["status"] == "FAILURE"
    assert "ConversionFailed: " in meta["traceback"]
    with pytest.raises(ConversionFailed):
        result.parent.get(timeout=30)
    assert AsyncResult(result.id, app=worker.app).state == "FAILURE"
    assert messages("next") == []


@pytest.mark.parametrize(
    ("ends", "places"),
    [("well", ["link:0", "chain", "result"]), ("badly", ["result", "chain", "link_error:0"])],
)
def test_steps_are_noted_by_names_that_other_releases_know(
    *, worker, conveyor, document, note, monkeypatch, ends, places
):
    """A delivery that another release goes on with leaves out what stands there."""

    def away(*_args, **_options):
        raise LedgerUnavailable("Redis is away.")

    source = document if ends == "well" else "s3://elsewhere/a.docx"
    first = conveyor.signature(source, to="html", from_format="md").set(
        link=[note("a")], link_error=[note("b")]
    )
    result = chain(first, note("next")).apply_async()
    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "delivered", away)
        for _ in range(60):
            waiting = worker.waiting()
            if not waiting:
                break
            for message in waiting:
                worker.run_when_due(message)
                if message.task == names.DELIVER:
                    break
    sent = worker.services.ledger.get(result.parent.id).sent.split()

    assert sent == places[: len(sent)]
    assert len(sent) >= len(places) - 1
