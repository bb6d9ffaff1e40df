"""A deleted conversion goes with all that it left, whatever is lost on the way."""

from __future__ import annotations

import time
from contextlib import suppress

import pytest
from celery.result import AsyncResult

from conveyor import ConversionCancelled, ConversionDeleted, Deletion, State, UnknownConversion
from conveyor.domain.answers import Started
from conveyor.errors import LedgerUnavailable, StorageError
from conveyor.ledger.keys import KEEP_FINISHED_S, Keys
from workers import cleaner, eraser
from workers.cleanup import leave_if_cancelled

KEYS = Keys()


class Killed(BaseException):
    """The process ends here."""


@pytest.fixture
def erase(client, clean):
    """Have the eraser and the clean-up come, as if all that they wait for had passed."""

    def run(times=3):
        for _ in range(times):
            for conversion_id in client.zrange(KEYS.erasing, 0, -1):
                client.zadd(KEYS.erasing, {conversion_id: 1})
            eraser.erase_due()
            clean()

    return run


@pytest.fixture
def done(worker, conveyor, document):
    """A conversion that has succeeded, and whose caller knows."""

    def make(**options):
        handle = conveyor.convert(document, to="html", **options)
        worker.work()
        assert handle.state is State.SUCCEEDED
        return handle

    return make


@pytest.fixture
def dead(worker, conveyor, document, sandbox):
    """A dead letter."""

    def make():
        sandbox.set_faults({"error_5001": 1.0})
        handle = conveyor.convert(document, to="html")
        worker.work()
        sandbox.set_faults({})
        assert handle.state is State.FAILED
        return handle

    return make


@pytest.fixture
def stored(tmp_path):
    """What lies in the storage, but for its marker."""

    def look():
        folder = tmp_path / "files"
        return sorted(
            str(path.relative_to(folder))
            for path in folder.rglob("*")
            if path.is_file() and path.name != ".conveyor"
        )

    return look


@pytest.fixture
def traces(client):
    """The keys that name a conversion, but for its tombstone, and for leases and claims.

    These hold its id and no more, for a minute.
    """

    def look(conversion_id):
        keys = {
            key
            for key in client.scan_iter("*")
            if conversion_id in key or conversion_id in repr(_content(client, key))
        }
        short = (KEYS.turnstile(conversion_id), f"{KEYS.prefix}claim:")
        return {
            key
            for key in keys - {KEYS.conversion(conversion_id), KEYS.erasing}
            if not key.startswith(short)
        }

    return look


def _content(client, key):
    kind = client.type(key)
    if kind == "hash":
        return client.hgetall(key)
    if kind == "zset":
        return client.zrange(key, 0, -1)
    if kind == "list":
        return client.lrange(key, 0, -1)
    return client.smembers(key) if kind == "set" else client.get(key)


def test_deleted_conversion_is_gone_at_once_and_its_traces_soon(
    *, conveyor, done, erase, stored, traces, client
):
    handle = done()
    files = stored()
    deletion = conveyor.delete(handle.id)

    assert deletion.erased_at is None
    with pytest.raises(ConversionDeleted) as raised:
        conveyor.get(handle.id)
    assert raised.value.deleted_at == deletion.deleted_at == pytest.approx(time.time(), abs=60)
    assert conveyor.list().conversions == ()
    assert stored() == files != []

    erase()

    assert stored() == []
    assert traces(handle.id) == set()
    assert AsyncResult(handle.id, app=conveyor.celery_app).state == "PENDING"
    tombstone = client.hgetall(KEYS.conversion(handle.id))
    assert set(tombstone) == {"state", "deleted_at", "erased_at"}
    assert KEEP_FINISHED_S - 60 < client.ttl(KEYS.conversion(handle.id)) <= KEEP_FINISHED_S


def test_repeated_deletion_is_answered_the_same(conveyor, done, erase):
    handle = done()
    first = conveyor.delete(handle.id)
    assert handle.delete() == first
    erase()
    through = conveyor.delete(handle.id)

    assert through == Deletion(handle.id, first.deleted_at, through.erased_at)
    assert through.erased_at >= first.deleted_at
    assert conveyor.delete(handle.id) == through
    assert conveyor.fleet().counts["erased"] == 1


def test_unknown_conversion_can_not_be_deleted(conveyor):
    with pytest.raises(UnknownConversion, match="There is no conversion 'x'"):
        conveyor.delete("x")


def test_running_conversion_is_cancelled_told_and_then_erased(
    *, worker, conveyor, document, erase, stored, traces
):
    handle = conveyor.convert(document, to="html")
    before = conveyor.delete(handle.id)
    with pytest.raises(ConversionDeleted):
        handle.get()
    assert conveyor.list().conversions == ()
    worker.work()
    with pytest.raises(ConversionCancelled):
        AsyncResult(handle.id, app=conveyor.celery_app).get(timeout=30)
    erase()

    assert conveyor.delete(handle.id).deleted_at == before.deleted_at
    assert conveyor.delete(handle.id).erased_at
    assert stored() == []
    assert traces(handle.id) == set()


def test_result_that_comes_after_the_deletion_is_removed_at_the_service(
    worker, conveyor, document, erase, client
):
    handle = conveyor.convert(document, to="html")
    worker.run(worker.waiting()[0])
    entry = worker.services.ledger.find(handle.id)
    assert entry.state is State.CONVERTING
    conveyor.delete(handle.id)
    worker.work()
    erase()
    assert conveyor.delete(handle.id).erased_at
    leave_if_cancelled(worker.services, entry, Started(entry.job_id))

    assert client.zcard(KEYS.leftovers) > 0


def test_dead_letter_is_erased_with_its_source_and_job(conveyor, dead, erase, stored, traces):
    handle = dead()
    assert stored()
    conveyor.delete(handle.id)
    assert conveyor.dead_letters.list() == []
    erase()

    assert stored() == []
    assert traces(handle.id) == set()
    assert not any(conveyor.fleet().dead.values())


def test_pending_callbacks_go_with_the_conversion(worker, conveyor, document, client, traces):
    callback = "https://shop.example/hooks"
    handle = conveyor.convert(document, to="html", callback=callback, metadata={"order": 4711})
    conveyor.delete(handle.id)
    worker.run_at_once()
    assert client.exists(KEYS.notices_of(handle.id))
    client.zadd(KEYS.erasing, {handle.id: 1})
    eraser.erase_due()

    assert traces(handle.id) == set()
    assert client.zcard(KEYS.notices("pending")) == 0


def test_replay_that_was_first_is_cancelled_and_erased(worker, conveyor, dead, erase, stored):
    """What was read of the dead letter is old by then."""
    handle = dead()
    old = worker.services.ledger.find(handle.id)
    conveyor.dead_letters.replay(handle.id)

    assert not worker.services.ledger.erase(old)
    conveyor.delete(handle.id)
    worker.work()
    erase()
    assert conveyor.delete(handle.id).erased_at
    assert stored() == []


def test_same_key_converts_anew_after_the_deletion(worker, conveyor, done, erase):
    handle = done(idempotency_key="invoice-7")
    conveyor.delete(handle.id)
    again = done(idempotency_key="invoice-7")

    assert again.id != handle.id
    assert done(idempotency_key="invoice-7").id == again.id
    erase()
    assert again.get().files


def test_producer_that_has_read_the_key_before_the_deletion_converts_anew(
    worker, conveyor, done, document, monkeypatch
):
    handle = done(idempotency_key="invoice-7")
    ledger = conveyor.ledger
    real = ledger.accepted_under

    def read_and_delete(idempotency):
        found = real(idempotency)
        conveyor.delete(handle.id)
        return found

    monkeypatch.setattr(ledger, "accepted_under", read_and_delete)
    again = conveyor.convert(document, to="html", idempotency_key="invoice-7")
    worker.work()

    assert again.id != handle.id
    assert again.state is State.SUCCEEDED


def test_signature_under_a_deleted_id_is_refused_and_its_repeated_message_is_not(
    worker, conveyor, document, erase
):
    signature = conveyor.signature("https://example.com/a.md", to="html")
    conveyor.signature(document, to="html").apply_async(task_id="mine")
    worker.work()
    conveyor.delete("mine")
    erase()
    result = signature.apply_async(task_id="mine")
    (message,) = worker.waiting()
    message.request["delivery_info"]["redelivered"] = True
    worker.run(message)
    assert result.state == "PENDING"
    message.request["delivery_info"]["redelivered"] = False
    worker.run(message)

    with pytest.raises(Exception, match="was used for a conversion that was deleted"):
        result.get(timeout=30)


# Where a process may end: what it would have called next.
WINDOWS = {
    "after the tombstone": "storage.remove_results",
    "after the results": "ledger.staged_of",
    "after the source": "backend.forget",
    "before it is noted": "ledger.erased",
}


@pytest.mark.parametrize("name", WINDOWS)
def test_eraser_that_is_killed_is_made_up_for(
    *, worker, conveyor, dead, erase, stored, traces, monkeypatch, name
):
    handle = dead()
    conveyor.delete(handle.id)
    _kill_in(worker.services, WINDOWS[name], monkeypatch)
    with pytest.raises(Killed):
        erase(1)
    assert conveyor.delete(handle.id).erased_at is None
    monkeypatch.undo()
    erase()

    assert conveyor.delete(handle.id).erased_at
    assert stored() == []
    assert traces(handle.id) == set()


@pytest.mark.parametrize("name", ["cancelled", "deletion"])
def test_producer_that_is_killed_is_made_up_for(
    *, worker, conveyor, document, erase, stored, monkeypatch, name
):
    handle = conveyor.convert(document, to="html")
    with monkeypatch.context() as patch:
        _kill_in_part(patch, conveyor.ledger, name)
        with pytest.raises(Killed):
            conveyor.delete(handle.id)
    erase(1)
    worker.work()
    erase()

    assert conveyor.delete(handle.id).erased_at
    assert stored() == []


def _kill_in(services, name, monkeypatch):
    part, _, method = name.partition(".")
    _kill_in_part(monkeypatch, getattr(services, part), method)


def _kill_in_part(monkeypatch, part, method):
    def end(*_args, **_options):
        raise Killed

    monkeypatch.setattr(part, method, end)


def test_storage_that_is_away_delays_the_erasure_alone(
    *, worker, conveyor, done, document, erase, stored, client, monkeypatch
):
    first, running = done(), conveyor.convert(document, to="html")
    conveyor.delete(first.id)
    conveyor.delete(running.id)
    worker.work()

    def away(**_options):
        raise StorageError("The storage is away.")

    with monkeypatch.context() as patch:
        patch.setattr(worker.services.marker, "check", away)
        with pytest.raises(StorageError):
            erase(1)
    # Both are on record, and what needs no storage is done.
    assert client.zcard(KEYS.erasing) == 2
    assert worker.services.ledger.find(running.id) is None
    assert stored()
    erase()

    assert stored() == []
    assert conveyor.delete(first.id).erased_at
    assert conveyor.delete(running.id).erased_at


def test_folder_that_can_not_be_removed_keeps_no_other_from_it(
    *, worker, conveyor, done, erase, stored, monkeypatch
):
    stuck, other = done(), done()
    conveyor.delete(stuck.id)
    conveyor.delete(other.id)
    remove = worker.services.storage.remove_results

    def refuse(conversion_id):
        if conversion_id == stuck.id:
            raise StorageError("No permission.")
        remove(conversion_id)

    with monkeypatch.context() as patch:
        patch.setattr(worker.services.storage, "remove_results", refuse)
        erase()
    assert conveyor.delete(stuck.id).erased_at is None
    assert conveyor.delete(other.id).erased_at
    erase()
    assert stored() == []


def test_service_that_keeps_a_job_delays_the_erasure(
    *, worker, conveyor, done, erase, client, rush, monkeypatch
):
    handle = done()
    conveyor.delete(handle.id)
    with monkeypatch.context() as patch:
        _kill_in_part(patch, worker.services.api, "delete_job")
        for _ in range(2):
            for conversion_id in client.zrange(KEYS.erasing, 0, -1):
                client.zadd(KEYS.erasing, {conversion_id: 1})
            eraser.erase_due()
    assert client.zcard(KEYS.leftovers) > 0
    assert conveyor.delete(handle.id).erased_at is None
    erase()
    assert conveyor.delete(handle.id).erased_at


def test_process_that_wakes_up_late_leaves_no_file(worker, conveyor, done, erase, stored):
    """It wrote its file after all was erased. The last look finds it."""
    handle = done()
    conveyor.delete(handle.id)
    erase(1)
    erase(1)
    assert conveyor.delete(handle.id).erased_at
    worker.services.storage.save(handle.id, "late.html", [b"words"])
    assert stored()
    erase(1)

    assert stored() == []
    assert worker.services.ledger.erasures.count() == 0


def test_bounded_batch_is_claimed_once_by_two_erasers(worker, conveyor, done, client):
    for _ in range(3):
        conveyor.delete(done().id)
    erasures = worker.services.ledger.erasures

    first, second = erasures.claim(2, 60), erasures.claim(2, 60)
    assert len(first) == 2
    assert len(second) == 1
    assert not set(first) & set(second)


def test_redis_that_goes_away_leaves_the_rest_due(worker, conveyor, done, client, monkeypatch):
    handle = done()
    conveyor.delete(handle.id)

    def away(*_args):
        raise LedgerUnavailable("away")

    monkeypatch.setattr(worker.services.ledger, "erased", away)
    with pytest.raises(LedgerUnavailable):
        eraser.erase_due()
    assert client.zscore(KEYS.erasing, handle.id) <= time.time() + 61


def test_cleaner_finds_nothing_lost_in_what_was_deleted(worker, conveyor, done, dead, erase):
    conveyor.delete(done().id)
    conveyor.delete(dead().id)
    with suppress(UnknownConversion):
        conveyor.get("x")
    erase()
    cleaner.clean()

    assert conveyor.fleet().lost == conveyor.fleet().unreadable == conveyor.fleet().newer == 0
