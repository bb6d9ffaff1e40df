"""What a delivery clears away in the storage: parts of files, sources, and results nobody wants."""

from __future__ import annotations

import pytest

from conveyor import State
from conveyor.errors import StorageError
from conveyor.ledger.keys import Keys

KEYS = Keys()

PART = ".a.html.0123456789abcdef.part"


@pytest.fixture
def worker(worker_of, sandbox):
    """One that has each result delivered by a message of its own."""
    with worker_of(sandbox.url, small_bytes=0) as made:
        yield made


@pytest.fixture
def broken(tmp_path):
    """Leave part of a file, as a delivery does whose process died."""

    def leave(conversion_id):
        folder = tmp_path / "files" / "results" / conversion_id
        folder.mkdir(parents=True, exist_ok=True)
        (folder / PART).write_bytes(b"half")
        return folder / PART

    return leave


@pytest.fixture
def staged(tmp_path):
    """The sources that lie in the storage."""
    folder = tmp_path / "files" / "staged"
    return lambda: [path.name for path in folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize(("before", "is_left"), [(0, True), (1, False), (2, False)])
def test_parts_of_files_are_removed_by_the_delivery_that_is_not_the_first(
    *, worker, ready, client, broken, results, before, is_left
):
    """Only an earlier delivery can have left one, and to look costs a request."""
    handle, message = ready()
    client.hset(KEYS.conversion(handle.id), "deliveries", before)
    part = broken(handle.id)
    worker.run(message)

    assert handle.get().state is State.SUCCEEDED
    assert part.exists() is is_left
    assert len([name for name in results() if not name.endswith(".part")]) == 1


def test_source_is_removed_with_success_and_kept_for_the_replay_of_a_dead_letter(
    *, worker, ready, staged, monkeypatch
):
    handle, message = ready()
    assert staged() == ["a.md"]

    def save(*_args, **_options):
        raise StorageError("The storage is full.")

    entry = worker.services.ledger.get(handle.id)
    with monkeypatch.context() as patch:
        patch.setattr(type(worker.services.storage), "result", save)
        most = worker.services.settings.storage_retries
        worker.services.ledger.client.hset(KEYS.conversion(handle.id), "faults", most)
        worker.run(message)
    assert handle.get().state is State.FAILED
    assert staged() == ["a.md"]

    worker.services.ledger.redeliver(worker.services.ledger.get(entry.id))
    worker.run(message)
    worker.work()
    assert handle.get().state is State.SUCCEEDED
    assert staged() == []


def test_source_of_a_signature_is_kept_for_its_next_run(worker, conveyor, document, staged):
    signature = conveyor.signature(document, to="html")
    first = signature.apply_async()
    worker.work()
    assert first.get(timeout=30)["state"] == "succeeded"
    assert staged() == ["a.md"]
    second = signature.clone().apply_async()
    worker.work()

    assert second.get(timeout=30)["state"] == "succeeded"


def test_cancelled_conversion_leaves_neither_its_source_nor_what_was_stored(
    worker, ready, broken, staged, results
):
    handle, message = ready()
    broken(handle.id)
    handle.cancel()
    worker.run(message)
    worker.work()

    assert handle.get().state is State.CANCELLED
    assert staged() == []
    assert results() == {}


def test_results_that_can_not_be_removed_keep_no_caller_from_its_outcome(
    worker, ready, monkeypatch
):
    handle, message = ready()
    handle.cancel()

    def remove(*_args):
        raise StorageError("The storage is away.")

    monkeypatch.setattr(type(worker.services.storage), "remove_results", remove)
    worker.run(message)
    worker.work()

    assert worker.services.ledger.get(handle.id).delivered


def test_worker_without_the_right_storage_gives_the_source_back_to_be_removed_later(
    *, worker, ready, staged, client, monkeypatch
):
    handle, message = ready()
    handle.cancel()

    def check(*_args, **_options):
        raise StorageError("not mounted")

    monkeypatch.setattr(type(worker.services.marker), "check", check)
    worker.run(message)
    worker.work()

    assert worker.services.ledger.get(handle.id).delivered
    assert staged() == ["a.md"]
    assert len(client.zrangebyscore(KEYS.staging, 0, 0)) == 1
