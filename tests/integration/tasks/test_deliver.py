from __future__ import annotations

import time
from importlib import import_module

import pytest
from celery.result import AsyncResult
from redis.backoff import NoBackoff
from redis.retry import Retry

from conveyor import (
    Conversion,
    ConversionFailed,
    Failure,
    FailureKind,
    State,
    StorageError,
    StoredFile,
    names,
)
from conveyor.convertapi.errors import ComeLater
from conveyor.domain.answers import RemoteFile, Result
from conveyor.domain.rules import FILE_LIFE_S
from conveyor.ledger.delivery_lease import DeliveryLeases
from conveyor.ledger.keys import Keys
from local_stack.ports import free_port
from workers.delivery import follow
from workers.downloads import Fetched

KEYS = Keys()


@pytest.fixture
def worker(worker_of, sandbox):
    """One that has each result delivered by a message of its own."""
    with worker_of(sandbox.url, small_bytes=0) as made:
        yield made


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


def test_result_that_can_not_be_stored_is_not_a_failure_and_is_stored_later(
    worker, ready, monkeypatch
):
    handle, message = ready()
    with monkeypatch.context() as away:
        pool = worker.app.backend.client.connection_pool
        away.setitem(pool.connection_kwargs, "port", free_port())
        away.setitem(pool.connection_kwargs, "retry", Retry(NoBackoff(), 0))
        pool.disconnect()
        pool.reset()
        worker.run(message)
    pool.reset()
    assert not worker.services.ledger.get(handle.id).delivered
    assert AsyncResult(handle.id, app=worker.app).status == "PENDING"

    worker.run(message)
    result = AsyncResult(handle.id, app=worker.app).get(timeout=30)
    assert Conversion.from_dict(result) == handle.get()


def test_two_equal_downloads_outvote_a_wrong_size_and_the_record_says_so(
    worker, ready, sandbox, results
):
    handle, message = ready()
    sandbox.set_faults({"short_download": 1.0})
    worker.run(message)

    assert handle.get().state is State.SUCCEEDED
    assert "two downloads brought the same" in worker.services.ledger.get(handle.id).note
    assert sandbox.audit()["downloads"] == 2
    assert list(results()) == ["a.html"]


def test_a_file_that_did_not_come_whole_is_fetched_again(worker, ready, sandbox, results):
    handle, message = ready()
    sandbox.set_faults({"truncated_download": 1.0})
    begun = time.time()
    worker.run(message)
    # Not under its name, and under no other.
    assert results() == {}
    assert handle.get().state is State.READY
    (bell,) = worker.waiting()
    assert (bell.task, bell.due_at > begun) == (names.DELIVER, True)
    worker.run_when_due(bell)
    (again,) = worker.waiting()
    assert (again.task, again.id) == (names.DELIVER, handle.id)

    sandbox.set_faults({})
    worker.run(again)
    assert handle.get().state is State.SUCCEEDED
    (file,) = handle.get().files
    assert len(results()["a.html"]) == file.size
    assert sandbox.audit()["paid"] == 1


def test_a_long_wait_that_a_download_is_asked_for_is_kept(worker, ready, due_at, monkeypatch):
    """No countdown is that long: the sweep rings in time."""
    handle, message = ready()

    def throttled(*_args):
        raise ComeLater(503, 3600.0)

    monkeypatch.setattr(worker.services.api, "download", throttled)
    worker.run(message)

    assert worker.waiting() == []
    assert due_at(handle.id) > time.time() + 3500


def test_a_storage_that_stays_away_ends_in_a_dead_letter_that_costs_nothing(
    worker_of, ready, sandbox, conveyor
):
    handle, message = ready()
    sandbox.set_faults({"truncated_download": 1.0})
    with worker_of(sandbox.url, storage_retries=0) as strict:
        strict.run(message)
        with pytest.raises(ConversionFailed, match="is paid"):
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
    client.hset(KEYS.conversion(handle.id), "ready_at", time.time() - FILE_LIFE_S - 1)
    sandbox.reset()
    with worker_of(sandbox.url, storage_retries=0) as strict:
        strict.run(message)
        with pytest.raises(ConversionFailed, match="no longer keeps the paid result"):
            AsyncResult(handle.id, app=strict.app).get(timeout=30)

    assert handle.get().state is State.EXPIRED
    assert client.hgetall(KEYS.counts)["expired"] == "1"


def test_raw_bytes_are_kept_and_not_fetched_again(worker, conveyor, sandbox, document, results):
    sandbox.set_faults({"raw_result": 1.0})
    handle = conveyor.convert(document, to="html")
    worker.work()

    (file,) = handle.get().files
    assert b"Title" in results()[file.name]
    assert sandbox.audit()["downloads"] == 0


def test_an_outcome_that_was_told_ages(worker, ready, client, due_at):
    handle, message = ready()
    worker.run(message)

    assert client.ttl(KEYS.conversion(handle.id)) > 0
    assert due_at(handle.id) is None


def test_a_staged_source_is_removed_when_it_is_done_with(worker, ready, tmp_path):
    _, message = ready()
    staged = tmp_path / "files" / "staged"
    assert any(path.is_file() for path in staged.rglob("*"))
    worker.run(message)

    assert not any(path.is_file() for path in staged.rglob("*"))


def test_a_delivery_of_what_has_not_ended_says_nothing(worker, conveyor, document):
    handle = conveyor.convert(document, to="html")
    worker.drop()
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


# -- single flight --------------------------------------------------------------------------------


@pytest.fixture
def told(worker, monkeypatch):
    """How often a caller was told, by how."""
    backend, seen = worker.app.backend, []
    store = backend.store_result

    def watched(task_id, result, state, *args, **options):
        seen.append(state)
        return store(task_id, result, state, *args, **options)

    monkeypatch.setattr(backend, "store_result", watched)
    return seen


@pytest.fixture
def while_storing(worker, told, monkeypatch):
    """Have something happen while the first file is stored."""

    module = import_module("workers.storing")
    fetch_one = module._fetch_one

    def arrange(work):
        told.clear()
        begun = []

        def slow(*args):
            fetched = fetch_one(*args)
            if not begun:
                begun.append(True)
                work()
            return fetched

        monkeypatch.setattr(module, "_fetch_one", slow)

    return arrange


def test_delivery_with_a_lapsed_lease_leaves_it_to_the_new_holder(
    *, worker, ready, client, told, while_storing
):
    handle, message = ready()
    others = []

    def another_begins():
        client.delete(KEYS.delivery(handle.id))  # it has lapsed
        others.append(DeliveryLeases(client, 15.0).acquire(handle.id))

    while_storing(another_begins)
    worker.run(message)

    assert told == []
    assert handle.get().state is State.READY
    assert not worker.services.ledger.get(handle.id).delivered
    # The other's lease is its own still.
    assert client.get(KEYS.delivery(handle.id)) == others[0].token


@pytest.mark.parametrize("ends", ["succeeded", "failed", "delivered"])
def test_delivery_with_a_lapsed_lease_does_not_deliver_twice(
    *, worker, ready, client, told, while_storing, ends
):
    handle, message = ready()
    ledger = worker.services.ledger

    def another_ends():
        client.delete(KEYS.delivery(handle.id))
        if ends == "failed":
            ledger.failed(ledger.get(handle.id), Failure(FailureKind.STORAGE, "Full."))
        else:
            ledger.succeeded(ledger.get(handle.id), ())
        if ends == "delivered":
            ledger.delivered(handle.id, is_dead=False)

    while_storing(another_ends)
    worker.run(message)

    assert told == []
    assert ledger.get(handle.id).delivered is (ends == "delivered")


def test_result_that_a_fail_over_loses_with_the_lease_is_stored_again(
    *, worker, ready, client, monkeypatch
):
    """The Redis that takes over holds neither: a note that all is delivered would be untrue."""
    handle, message = ready()
    backend = worker.app.backend
    store, lost = backend.store_result, []

    def store_and_lose(task_id, result, state, *args, **options):
        stored = store(task_id, result, state, *args, **options)
        if task_id == handle.id and not lost:
            lost.append(task_id)
            client.delete(KEYS.delivery(handle.id), backend.get_key_for_task(handle.id))
        return stored

    monkeypatch.setattr(backend, "store_result", store_and_lose)
    worker.run(message)
    assert lost == [handle.id]
    assert not worker.services.ledger.get(handle.id).delivered

    worker.run(message)
    assert worker.services.ledger.get(handle.id).delivered
    assert AsyncResult(handle.id, app=worker.app).get(timeout=30)["state"] == "succeeded"


def test_of_two_deliveries_in_one_process_exactly_one_tells(
    *, worker, ready, client, told, while_storing
):
    """Redis was away for as long as a lease lasts, and another message was sent."""
    handle, message = ready()

    def another_delivers():
        client.delete(KEYS.delivery(handle.id))
        worker.run(message)

    while_storing(another_delivers)
    worker.run(message)

    assert told == ["SUCCESS"]
    assert handle.get().state is State.SUCCEEDED
    assert not client.exists(KEYS.delivery(handle.id))


def test_a_delivery_during_which_it_is_cancelled_tells_that(worker, ready, told, while_storing):
    handle, message = ready()
    while_storing(handle.cancel)
    worker.run(message)
    worker.work()

    assert handle.get().state is State.CANCELLED
    assert told == ["FAILURE"]


# -- what it writes, and what it leaves -----------------------------------------------------------


@pytest.mark.parametrize("files", [30, 300])
def test_many_files_cost_one_small_write_each(
    *, worker, conveyor, document, client, monkeypatch, files
):
    handle = conveyor.convert(document, to="html")
    worker.run(worker.waiting()[0])
    ledger, url = worker.services.ledger, "https://v2.convertapi.com/d/" + "x" * 32
    entry = ledger.get(handle.id)
    result = Result(1, tuple(RemoteFile(f"page-{n}.jpg", f"{url}{n}", 3) for n in range(files)))
    follow(worker.services, ledger.ready(entry, result))
    (message,) = [it for it in worker.waiting() if it.task == names.DELIVER]
    monkeypatch.setattr(
        "workers.storing._fetch_one",
        lambda *args: Fetched(StoredFile(args[-1], f"file:///{args[-1]}", 3, "0" * 64)),
    )
    client.config_resetstat()
    before = client.info("stats")["total_net_input_bytes"]
    worker.run(message)
    written = client.info("stats")["total_net_input_bytes"] - before

    assert len(handle.get().files) == files
    # A script for each but the last, which is stored with all; and a few to begin and to end.
    calls = client.info("commandstats")["cmdstat_evalsha"]["calls"]
    assert files - 1 <= calls <= files + 10
    # No write holds what earlier ones held: in all it grows with the files, not with their square.
    assert written < 6000 + 2500 * files
    assert client.hlen(KEYS.conversion(handle.id)) < 20


def test_a_delivery_that_broke_off_continues_where_it_was(
    *, worker, conveyor, document, monkeypatch
):
    handle = conveyor.convert(document, to="html")
    worker.run(worker.waiting()[0])
    ledger = worker.services.ledger
    result = Result(1, tuple(RemoteFile(f"{n}.jpg", f"http://x/{n}", 3) for n in range(5)))
    follow(worker.services, ledger.ready(ledger.get(handle.id), result))
    (message,) = [it for it in worker.waiting() if it.task == names.DELIVER]
    fetched = []

    def fetch(*args):
        fetched.append(args[-1])
        if fetched.count("2.jpg") == 1 and args[-1] == "2.jpg":
            raise StorageError("Full.")
        return Fetched(worker.services.storage.save(handle.id, args[-1], iter([b"abc"])))

    monkeypatch.setattr("workers.storing._fetch_one", fetch)
    worker.run(message)
    worker.work()

    assert fetched == ["0.jpg", "1.jpg", "2.jpg", "2.jpg", "3.jpg", "4.jpg"]
    assert [file.name for file in handle.get().files] == [f"{n}.jpg" for n in range(5)]
