"""What a conversion needs to be accepted, and what is said where nobody knows whether it was."""

from __future__ import annotations

import json
from contextlib import closing

import pytest

from conveyor import AcceptanceUnknown, Conveyor, LedgerUnavailable, State
from conveyor.domain.conversion import Failure, FailureKind
from conveyor.ledger import Ledger

URL = "https://example.com/a.docx"
CLOSED = "redis://127.0.0.1:9/0"
FAILURE = Failure(FailureKind.SERVICE, "Broken.", code=5001)


@pytest.fixture
def conveyor_of(redis_url, tmp_path):
    def make(**settings):
        settings = {"broker_url": redis_url, "redis_url": redis_url, **settings}
        return closing(Conveyor(storage_url=str(tmp_path / "files"), **settings))

    return make


def _headers(client, queue):
    """Of the messages that wait in a queue."""
    return [json.loads(raw)["headers"] for raw in client.lrange(queue, 0, -1)]


def test_the_result_backend_is_not_part_of_it(conveyor_of, ledger, make):
    dead = ledger.failed(make.converting(), FAILURE)
    with conveyor_of(result_backend=CLOSED) as conveyor:
        handle = conveyor.convert(URL, to="pdf")
        assert handle.cancel().state is State.CANCELLED
        assert conveyor.dead_letters.replay(dead.id).state is State.QUEUED


def test_producer_does_not_subscribe_to_results(conveyor, ledger, make):
    """Celery would, once for each task, and would never end to."""
    dead = ledger.failed(make.converting(), FAILURE)
    conveyor.convert(URL, to="pdf").cancel()
    conveyor.dead_letters.replay(dead.id)

    assert conveyor.celery_app.backend.result_consumer._pubsub is None


def test_the_worker_keeps_the_result_all_the_same(conveyor, client):
    conveyor.convert(URL, to="pdf").cancel()

    assert [each["ignore_result"] for each in _headers(client, "conveyor.submit")] == [True]
    assert [each["ignore_result"] for each in _headers(client, "conveyor.deliver")] == [False]


def test_redis_failure_during_acceptance_is_reported_as_unknown(conveyor, ledger, monkeypatch):
    """The entry is there, and the answer is lost."""
    opened = []

    def lose_the_answer(self, conversion_id, *args, **options):
        opened.append(open_(self, conversion_id, *args, **options))
        raise LedgerUnavailable("Redis can't be reached.")

    open_ = Ledger.open
    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "open", lose_the_answer)
        with pytest.raises(AcceptanceUnknown) as raised:
            conveyor.convert(URL, to="pdf", idempotency_key="one")

    (entry,) = opened
    assert entry.id in str(raised.value)
    assert ledger.get(entry.id).state is State.QUEUED
    assert conveyor.convert(URL, to="pdf", idempotency_key="one").id == entry.id


def test_failed_rollback_is_reported_as_unknown(conveyor_of, ledger, monkeypatch):
    def lose(*_):
        raise LedgerUnavailable("Redis can't be reached.")

    monkeypatch.setattr(Ledger, "forget", lose)
    with (
        conveyor_of(broker_url=CLOSED) as conveyor,
        pytest.raises(AcceptanceUnknown, match="may have been accepted") as raised,
    ):
        conveyor.convert(URL, to="pdf")

    conversion_id = str(raised.value).partition("The conversion ")[2].split()[0]
    assert ledger.get(conversion_id).state is State.QUEUED
