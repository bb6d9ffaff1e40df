from __future__ import annotations

import time

import pytest
from celery.result import AsyncResult
from redis.backoff import NoBackoff
from redis.retry import Retry

from conveyor import Conversion, ConversionFailed, State, names
from conveyor.ledger import keys
from conveyor.protocol import ComeLater
from conveyor.schedule import FILE_LIFE_S
from workers.local.ports import free_port


@pytest.fixture
def ready(worker, conveyor, document):
    """A conversion whose result waits at the service, and its delivery."""

    def make():
        handle = conveyor.convert(document, to="html")
        for _ in range(50):
            (message,) = worker.waiting()
            if message.task == names.DELIVER:
                return handle, message
            worker.run_when_due(message)
        raise AssertionError("it did not become ready")

    return make


@pytest.fixture
def rested(client):
    """End the lease of a delivery that did not."""
    return lambda conversion_id: client.delete(keys.delivery(conversion_id))


def test_the_caller_gets_the_conversion_under_its_own_id(worker, ready):
    handle, message = ready()
    worker.run(message)

    result = AsyncResult(handle.id, app=worker.app).get(timeout=30)
    assert Conversion.from_dict(result) == handle.get()
    assert message.id == handle.id


def test_a_delivery_that_comes_again_says_the_same_and_fetches_nothing(worker, ready, sandbox):
    handle, message = ready()
    worker.run(message)
    first = AsyncResult(handle.id, app=worker.app).get(timeout=30)
    worker.run(message)

    assert AsyncResult(handle.id, app=worker.app).get(timeout=30) == first
    assert sandbox.audit()["downloads"] == 1


def test_result_that_can_not_be_stored_is_no_failure_and_is_stored_later(
    worker, ready, monkeypatch, rested
):
    handle, message = ready()
    with monkeypatch.context() as away:
        pool = worker.app.backend.client.connection_pool
        away.setitem(pool.connection_kwargs, "port", free_port())
        away.setitem(pool.connection_kwargs, "retry", Retry(NoBackoff(), 0))
        pool.disconnect()
        pool.reset()
        # Celery acknowledges what it has traced without an exception.
        with pytest.warns(RuntimeWarning, match="Exception raised outside body"):
            worker.run(message)
    pool.reset()
    assert not worker.engine.ledger.get(handle.id).told
    assert AsyncResult(handle.id, app=worker.app).status == "PENDING"

    rested(handle.id)
    worker.run(message)
    result = AsyncResult(handle.id, app=worker.app).get(timeout=30)
    assert Conversion.from_dict(result) == handle.get()


@pytest.mark.parametrize("fault", ["short_download", "truncated_download"])
def test_a_file_that_did_not_come_whole_is_fetched_again(worker, ready, sandbox, results, fault):
    handle, message = ready()
    sandbox.set_faults({fault: 1.0})
    begun = time.time()
    worker.run(message)
    # Not under its name, and under no other.
    assert results() == {}
    assert handle.get().state is State.READY
    (again,) = worker.waiting()
    assert (again.id, again.due_at > begun) == (handle.id, True)

    sandbox.set_faults({})
    worker.run(again)
    assert handle.get().state is State.SUCCEEDED
    (file,) = handle.get().files
    assert len(results()["a.html"]) == file.size
    assert sandbox.audit()["paid"] == 1


def test_a_long_wait_that_a_download_is_asked_for_is_kept(worker, ready, client, monkeypatch):
    """No countdown is that long, so that a message would come early: the sweep comes in time."""
    handle, message = ready()

    def throttled(*_args):
        raise ComeLater(503, 3600.0)

    monkeypatch.setattr(worker.engine.api, "download", throttled)
    worker.run(message)

    assert worker.waiting() == []
    assert client.zscore(keys.DUE, handle.id) > time.time() + 3500


def test_a_storage_that_stays_away_ends_in_a_dead_letter_that_costs_nothing(
    worker_of, ready, sandbox, conveyor
):
    handle, message = ready()
    sandbox.set_faults({"short_download": 1.0})
    with worker_of(sandbox.url, storage_retries=0) as strict:
        strict.run(message)
        with pytest.raises(ConversionFailed, match="has been paid"):
            AsyncResult(handle.id, app=strict.app).get(timeout=30)
        assert conveyor.dead_letters.costs(handle.id) is False

        sandbox.set_faults({})
        conveyor.dead_letters.replay(handle.id)
        strict.work()
    assert handle.get().state is State.SUCCEEDED
    assert sandbox.audit()["paid"] == 1


def test_a_paid_result_that_the_service_dropped_is_a_class_of_its_own(
    worker_of, ready, sandbox, client
):
    handle, message = ready()
    client.hset(keys.conversion(handle.id), "ready_at", time.time() - FILE_LIFE_S - 1)
    sandbox.reset()
    with worker_of(sandbox.url, storage_retries=0) as strict:
        strict.run(message)
        with pytest.raises(ConversionFailed, match="no longer keeps the paid result"):
            AsyncResult(handle.id, app=strict.app).get(timeout=30)

    assert handle.get().state is State.EXPIRED
    assert client.hgetall(keys.COUNTS)["expired"] == "1"


def test_raw_bytes_are_kept_and_not_fetched_again(worker, conveyor, sandbox, document, results):
    sandbox.set_faults({"raw_result": 1.0})
    handle = conveyor.convert(document, to="html")
    worker.work()

    (file,) = handle.get().files
    assert b"Title" in results()[file.name]
    assert sandbox.audit()["downloads"] == 0


def test_an_outcome_that_was_told_ages(worker, ready, client):
    handle, message = ready()
    worker.run(message)

    assert client.ttl(keys.conversion(handle.id)) > 0
    assert client.zscore(keys.DUE, handle.id) is None


def test_a_staged_source_is_removed_when_it_is_done_with(worker, ready, tmp_path):
    _, message = ready()
    staged = tmp_path / "files" / "staged"
    assert any(path.is_file() for path in staged.rglob("*"))
    worker.run(message)

    assert not any(path.is_file() for path in staged.rglob("*"))


def test_a_delivery_of_what_has_not_ended_says_nothing(worker, conveyor, document):
    handle = conveyor.convert(document, to="html")
    worker.waiting()
    worker.call(names.DELIVER, handle.id)

    assert AsyncResult(handle.id, app=worker.app).state == "PENDING"
    assert handle.get().state is State.QUEUED


def test_one_conversion_feeds_the_next(worker, conveyor, sandbox, document):
    chain = conveyor.signature(document, to="html") | conveyor.signature(to="md")
    last = chain.apply_async()
    worker.work()

    assert Conversion.from_dict(AsyncResult(last.id, app=worker.app).get(timeout=30)).files
    assert sandbox.audit()["paid"] == 2


@pytest.mark.parametrize("how", ["convert", "signature", "end of a chain"])
def test_until_it_is_delivered_the_caller_waits(worker, conveyor, document, how):
    """The submit ends long before: its own end must not be taken for the conversion's."""
    signature = conveyor.signature(document, to="html")
    if how == "convert":
        handle = conveyor.convert(document, to="html")
        (message,) = worker.waiting()
    else:
        handle = (
            signature.apply_async()
            if how == "signature"
            else (signature | conveyor.signature(to="md")).apply_async()
        )
        while (message := worker.waiting()[0]).id != handle.id:
            worker.run_when_due(message)
    worker.run(message)

    assert message.task == names.SUBMIT
    assert AsyncResult(handle.id, app=worker.app).state == "PENDING"
    worker.work()
    assert AsyncResult(handle.id, app=worker.app).get(timeout=30)["state"] == "succeeded"
