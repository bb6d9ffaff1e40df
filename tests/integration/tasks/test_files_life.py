"""Files that are kept for a while, and then removed: at their time, once, and nobody else's."""

from __future__ import annotations

import time

import pytest
from celery.result import AsyncResult

from conveyor import State
from conveyor.domain.conversion import StoredFile
from conveyor.errors import StorageError
from conveyor.ledger.keys import KEEP_FINISHED_S, Keys
from workers import expiring

KEYS = Keys()
KEEP_S = 3600.0
DAY_S = 86400


class Killed(BaseException):
    """The process ends here."""


@pytest.fixture
def worker(worker_of, sandbox):
    with worker_of(sandbox.url, keep_seconds=KEEP_S) as made:
        yield made


@pytest.fixture
def done(worker, conveyor, document):
    def make():
        handle = conveyor.convert(document, to="html")
        worker.work()
        assert handle.state is State.SUCCEEDED
        return handle

    return make


@pytest.fixture
def pass_life(client):
    """Let the lives of all files be over."""

    def run():
        for conversion_id in client.zrange(KEYS.expiring, 0, -1):
            client.zadd(KEYS.expiring, {conversion_id: 1})
            client.hset(KEYS.conversion(conversion_id), "files_until", 1)

    return run


def test_files_live_for_so_long_after_the_delivery(conveyor, done, client):
    handle = done()
    ends = handle.get().files_until

    assert ends == pytest.approx(time.time() + KEEP_S, abs=60)
    assert client.zscore(KEYS.expiring, handle.id) == pytest.approx(ends, abs=0.001)
    expiring.remove_expired()
    assert b"".join(conveyor.storage.read(handle.get().files[0].uri))
    # The entry outlives its files.
    assert client.ttl(KEYS.conversion(handle.id)) > KEEP_FINISHED_S + KEEP_S - 60


def test_files_are_removed_at_their_time_and_say_so(
    *, worker, conveyor, done, results, pass_life, client
):
    handle = done()
    before = handle.get()
    pass_life()
    expiring.remove_expired()
    after = handle.get()

    assert results() == {}
    assert after.files[0].removed_at == pytest.approx(time.time(), abs=60)
    assert after.files[0].name == before.files[0].name
    assert handle.progress().note == "The files were removed: their life was over."
    assert [event.note for event in handle.events()][-1] == handle.progress().note
    assert conveyor.fleet().counts["files_removed"] == 1
    assert client.zcard(KEYS.expiring) == 0
    assert KEEP_FINISHED_S - 60 < client.ttl(KEYS.conversion(handle.id)) <= KEEP_FINISHED_S
    assert 0 < client.ttl(KEYS.events(handle.id)) <= KEEP_FINISHED_S


def test_files_without_a_life_stay(worker_of, sandbox, conveyor, document, client):
    with worker_of(sandbox.url) as worker:
        handle = conveyor.convert(document, to="html")
        worker.work()

    assert handle.get().files_until is None
    assert client.zcard(KEYS.expiring) == 0


def test_dead_letter_has_no_files_that_live(*, worker, conveyor, document, sandbox, client):
    sandbox.set_faults({"error_5001": 1.0})
    handle = conveyor.convert(document, to="html")
    worker.work()

    assert handle.state is State.FAILED
    assert client.zcard(KEYS.expiring) == 0


def test_file_that_is_not_ours_stays(*, worker, conveyor, done, results, pass_life, tmp_path):
    handle = done()
    folder = tmp_path / "files" / "results" / handle.id
    for name in ("theirs.txt", "[a].html", "*"):
        (folder / name).write_text("theirs")
    pass_life()
    expiring.remove_expired()

    assert sorted(results()) == ["*", "[a].html", "theirs.txt"]


@pytest.mark.parametrize("name", ["[ab].html", "[!c].html", "{a,b}.html"])
def test_name_that_is_a_pattern_is_one_file(*, worker, storage_of, results, name):
    storage_of("c1", name, "a.html", "b.html")
    worker.services.storage.remove_files("c1", [name])

    assert sorted(results()) == ["a.html", "b.html"]


@pytest.mark.parametrize("name", ["../../../outside.txt", "/outside.txt", ".."])
def test_damaged_name_removes_nothing_outside(*, worker, storage_of, results, tmp_path, name):
    outside = tmp_path / "outside.txt"
    outside.write_text("theirs")
    storage_of("c1", "a.html")
    worker.services.storage.remove_files("c1", [name])

    assert outside.read_text() == "theirs"
    assert sorted(results()) == ["a.html"]


@pytest.fixture
def storage_of(worker):
    def save(conversion_id, *names):
        for name in names:
            worker.services.storage.save(conversion_id, name, [b"words"])

    return save


def test_undelivered_files_stay_whatever_a_date_says(
    *, worker_of, sandbox, conveyor, document, client, results
):
    """The result backend is away, so the caller has not learned of them."""
    with worker_of(sandbox.url, keep_seconds=KEEP_S) as worker:
        handle = conveyor.convert(document, to="html")
        worker.work()
        client.hdel(KEYS.conversion(handle.id), "delivered")
        client.zadd(KEYS.expiring, {handle.id: 1})
        client.hset(KEYS.conversion(handle.id), "files_until", 1)
        expiring.remove_expired()

    assert len(results()) == 1


@pytest.mark.parametrize("part", ["storage.remove_files", "ledger.files_removed"])
def test_worker_that_is_killed_is_made_up_for(
    *, worker, conveyor, done, results, pass_life, monkeypatch, part
):
    handle = done()
    pass_life()

    def end(*_args):
        raise Killed

    name, _, method = part.partition(".")
    with monkeypatch.context() as patch:
        patch.setattr(getattr(worker.services, name), method, end)
        with pytest.raises(Killed):
            expiring.remove_expired()
    assert handle.get().files[0].removed_at is None
    pass_life()
    expiring.remove_expired()

    assert results() == {}
    assert handle.get().files[0].removed_at
    assert conveyor.fleet().counts["files_removed"] == 1


def test_storage_that_is_away_puts_it_off(
    *, worker, conveyor, done, results, pass_life, monkeypatch, client
):
    handles = [done(), done()]
    pass_life()

    def away(**_options):
        raise StorageError("The storage is away.")

    with monkeypatch.context() as patch:
        patch.setattr(worker.services.marker, "check", away)
        with pytest.raises(StorageError):
            expiring.remove_expired()
    dates = [client.zscore(KEYS.expiring, handle.id) for handle in handles]
    assert min(dates) > time.time()
    pass_life()
    expiring.remove_expired()
    assert results() == {}


def test_file_that_can_not_be_removed_keeps_no_other_from_it(
    *, worker, conveyor, done, pass_life, monkeypatch
):
    stuck, other = done(), done()
    pass_life()
    remove = worker.services.storage.remove_files

    def refuse(conversion_id, names):
        if conversion_id == stuck.id:
            raise StorageError("No permission.")
        remove(conversion_id, names)

    monkeypatch.setattr(worker.services.storage, "remove_files", refuse)
    expiring.remove_expired()

    assert stuck.get().files[0].removed_at is None
    assert other.get().files[0].removed_at


def test_many_are_removed_in_batches(*, worker, conveyor, done, client, pass_life, monkeypatch):
    monkeypatch.setattr(expiring, "_BATCH", 2)
    handles = [done() for _ in range(5)]
    pass_life()
    asked = []
    claim = worker.services.ledger.expiries.claim
    monkeypatch.setattr(
        worker.services.ledger.expiries, "claim", lambda *args: asked.append(args) or claim(*args)
    )
    expiring.remove_expired()

    assert asked == [(2, 300.0)] * 4
    assert all(handle.get().files[0].removed_at for handle in handles)


def test_conversion_that_redis_has_lost_loses_its_files(
    *, worker, conveyor, done, results, pass_life, client
):
    handle = done()
    pass_life()
    client.delete(KEYS.conversion(handle.id))
    expiring.remove_expired()

    assert results() == {}
    assert client.zcard(KEYS.expiring) == 0


def test_result_of_its_task_says_until_when(conveyor, done):
    """The result is stored before the delivery is noted, so it can't know the moment."""
    handle = done()
    stored = AsyncResult(handle.id, app=conveyor.celery_app).get(timeout=30)

    assert stored["files_until"] is None
    assert StoredFile(**stored["files"][0]).removed_at is None


@pytest.mark.parametrize("fleet_s", [None, KEEP_S])
def test_own_keep_goes_before_the_fleets(*, worker_of, sandbox, conveyor, document, fleet_s):
    with worker_of(sandbox.url, keep_seconds=fleet_s) as worker:
        handle = conveyor.convert(document, to="html", keep="2d")
        by_signature = conveyor.signature(document, to="html", keep="2d").apply_async()
        worker.work()

    for conversion_id in (handle.id, by_signature.id):
        ends = conveyor.get(conversion_id).files_until
        assert ends == pytest.approx(time.time() + 2 * DAY_S, abs=60)
