"""A small result that nobody's callbacks wait for: stored and told by whoever has seen it."""

from __future__ import annotations

import pytest
from celery import Signature, chain, group
from celery.result import AsyncResult
from redis.backoff import NoBackoff
from redis.retry import Retry

from conveyor import Conversion, ConversionFailed, State, names
from conveyor.ledger.keys import Keys
from local_stack.ports import free_port
from workers import storing

KEYS = Keys()


def _tasks(messages):
    return [message.task for message in messages]


@pytest.fixture
def polled(worker, conveyor, document):
    """A conversion, whose result a poll has just seen; and what the worker has sent since."""

    def make():
        handle = conveyor.convert(document, to="html")
        while handle.get().ready_at is None:
            (message,) = worker.waiting()
            worker.run_when_due(message)
        return handle, worker.waiting()

    return make


@pytest.mark.parametrize("how", ["convert", "signature"])
def test_small_result_is_stored_and_told_by_the_poll_without_another_message(
    *, worker, conveyor, document, results, due_at, how
):
    if how == "convert":
        conversion_id = conveyor.convert(document, to="html").id
    else:
        conversion_id = conveyor.signature(document, to="html").apply_async(ignore_result=True).id
    done = worker.work()

    assert set(done) == {names.SUBMIT, names.POLL}
    result = AsyncResult(conversion_id, app=worker.app).get(timeout=30)
    assert Conversion.from_dict(result) == conveyor.get(conversion_id)
    assert list(results()) == ["a.html"]
    assert worker.services.ledger.get(conversion_id).delivered
    assert due_at(conversion_id) is None
    # The job, the result and the upload are deleted later, by others.
    assert worker.services.ledger.leftovers.count() == 3


def test_signature_needs_no_bell_beside_its_own_message(worker, conveyor, document):
    conveyor.signature(document, to="html").apply_async(ignore_result=True)

    assert worker.work().count(names.SUBMIT) == 1


def test_failure_that_a_poll_finds_is_reported_by_it(worker, conveyor, document, sandbox):
    sandbox.set_faults({"error_5003": 1.0})
    handle = conveyor.convert(document, to="html")

    assert names.DELIVER not in worker.work()
    with pytest.raises(ConversionFailed, match="Password"):
        AsyncResult(handle.id, app=worker.app).get(timeout=30)
    assert worker.services.ledger.get(handle.id).delivered


def test_events_of_a_groups_tasks_name_the_group(worker, conveyor, document):
    members = group(conveyor.signature(document, to=to) for to in ("html", "txt"))
    result = members.apply_async()

    assert names.DELIVER not in worker.work()
    assert [one["to_format"] for one in result.get(timeout=30)] == ["html", "txt"]


def _with_callback(conveyor, document):
    note = Signature("web.note", queue="webhook_received", app=conveyor.celery_app)
    return conveyor.signature(document, to="html").apply_async(link=note).id


def _with_errback(conveyor, document):
    note = Signature("web.note", queue="webhook_received", app=conveyor.celery_app)
    return conveyor.signature(document, to="html").apply_async(link_error=note).id


def _in_a_chain(conveyor, document):
    last = chain(conveyor.signature(document, to="html"), conveyor.signature(to="txt"))
    return last.apply_async().parent.id


def _alone(conveyor, document):
    return conveyor.convert(document, to="html").id


@pytest.mark.parametrize(
    ("enqueue", "small_bytes"),
    [(_with_callback, 2**20), (_with_errback, 2**20), (_in_a_chain, 2**20), (_alone, 10)],
    ids=["callback", "errback", "chain", "larger than the setting"],
)
def test_result_with_a_canvas_or_a_large_one_goes_through_a_message_of_its_own(
    *, worker_of, sandbox, conveyor, document, results, enqueue, small_bytes
):
    with worker_of(sandbox.url, small_bytes=small_bytes) as worker:
        conversion_id = enqueue(conveyor, document)
        while (message := worker.waiting()[0]).task != names.DELIVER:
            worker.run_when_due(message)

        assert (message.id, message.args) == (conversion_id, [conversion_id])
        assert conveyor.get(conversion_id).state is State.READY
        assert results() == {}
        assert AsyncResult(conversion_id, app=worker.app).state == "PENDING"
        worker.run(message)
        assert AsyncResult(conversion_id, app=worker.app).get(timeout=30)["state"] == "succeeded"


@pytest.mark.parametrize("fault", ["the storage", "the download"])
def test_result_that_can_not_be_stored_is_held_and_stored_by_the_next_bell(
    *, worker, polled, tmp_path, sandbox, results, fault
):
    in_the_way = tmp_path / "files" / "results"
    if fault == "the storage":
        in_the_way.parent.mkdir()
        in_the_way.write_text("no folder")
    else:
        sandbox.set_faults({"truncated_download": 1.0})
    handle, sent = polled()
    entry = worker.services.ledger.get(handle.id)
    assert (entry.state, entry.faults, entry.delivered) == (State.READY, 1, False)
    assert "could not be stored" in entry.note
    # A bell alone: whoever takes it up brings the result, and needs no other message.
    (bell,) = sent
    assert (bell.task, bell.args) == (names.DELIVER, [])

    sandbox.set_faults({})
    in_the_way.unlink(missing_ok=True) if fault == "the storage" else None
    worker.run_when_due(bell)
    assert handle.get().state is State.SUCCEEDED
    assert worker.waiting() == []
    assert list(results()) == ["a.html"]
    assert AsyncResult(handle.id, app=worker.app).get(timeout=30)["state"] == "succeeded"
    assert sandbox.audit()["paid"] == 1


def test_unreachable_result_backend_repeats_only_the_delivery(worker, polled, monkeypatch, sandbox):
    with monkeypatch.context() as away:
        pool = worker.app.backend.client.connection_pool
        away.setitem(pool.connection_kwargs, "port", free_port())
        away.setitem(pool.connection_kwargs, "retry", Retry(NoBackoff(), 0))
        pool.disconnect()
        pool.reset()
        handle, sent = polled()
    pool.reset()
    entry = worker.services.ledger.get(handle.id)
    assert (entry.state, entry.delivered, entry.undelivered) == (State.SUCCEEDED, False, 1)
    assert AsyncResult(handle.id, app=worker.app).state == "PENDING"

    (bell,) = sent
    assert (bell.task, bell.args) == (names.DELIVER, [])
    worker.run_when_due(bell)
    result = AsyncResult(handle.id, app=worker.app).get(timeout=30)
    assert Conversion.from_dict(result) == handle.get()
    assert worker.services.ledger.get(handle.id).delivered
    assert sandbox.audit()["downloads"] == 1


def test_worker_that_dies_between_the_note_and_the_store_is_followed_after_its_lease(
    *, worker, polled, client, monkeypatch, due_at, make_overdue, sandbox
):
    with monkeypatch.context() as dying:
        dying.setattr("tasks.poll.follow", lambda *_: None)
        handle, sent = polled()
    assert (handle.get().state, sent) == (State.READY, [])
    lease_s = client.pttl(KEYS.delivery(handle.id)) / 1000
    assert 0 < lease_s <= 15
    assert due_at(handle.id) > worker.services.ledger.now() + lease_s

    # As long as the lease lives it may be that the other is at work.
    make_overdue()
    worker.ring(names.DELIVER)
    assert handle.get().state is State.READY
    assert sandbox.audit()["downloads"] == 0

    client.delete(KEYS.delivery(handle.id))
    make_overdue()
    assert worker.sweep() == 1
    assert handle.get().state is State.SUCCEEDED
    assert sandbox.audit()["downloads"] == 1
    assert AsyncResult(handle.id, app=worker.app).get(timeout=30)["state"] == "succeeded"


def test_result_that_is_cancelled_while_it_is_stored_is_reported_as_cancelled_once(
    *, worker, polled, results, monkeypatch
):
    told, store, fetched = [], worker.app.backend.store_result, []

    def watched(task_id, result, state, *args, **options):
        told.append(state)
        return store(task_id, result, state, *args, **options)

    def fetch_and_cancel(services, entry, *args):
        fetched.append(fetch_one(services, entry, *args))
        services.ledger.cancelled(services.ledger.get(entry.id))
        return fetched[-1]

    fetch_one = storing._fetch_one
    monkeypatch.setattr(worker.app.backend, "store_result", watched)
    monkeypatch.setattr(storing, "_fetch_one", fetch_and_cancel)
    handle, _ = polled()

    assert len(fetched) == 1
    assert handle.get().state is State.CANCELLED
    assert told == ["FAILURE"]
    assert results() == {}
