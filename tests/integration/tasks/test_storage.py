"""The storage is away, not mounted, or another's: nobody is told of what the operator repairs."""

from __future__ import annotations

import shutil
from importlib import import_module

import pytest
from celery.result import AsyncResult

from conveyor import ConversionFailed, FailureKind, Reason, State, names
from conveyor.domain.conversion import StoredFile
from conveyor.errors import FileGone
from conveyor.ledger.keys import Keys
from conveyor.storage.marker import OtherStorage
from conveyor.storage.marker_file import MARKER
from workers import cleaner, storage_watch

KEYS = Keys()
# Four waits after which a delivery is tried again, at a spacing of 0.2 s: doubled, never the bare
# spacing, and up to a tenth longer.
WAITS_S = (0.25, 0.4, 0.8, 1.6)
JITTER = 1.1


@pytest.fixture
def worker(worker_of, sandbox):
    """One that has each result delivered by a message of its own."""
    with worker_of(sandbox.url, small_bytes=0) as made:
        yield made


class Mount:
    """The storage's folder, which can be unmounted."""

    def __init__(self, folder):
        self.folder = folder
        self._aside = folder.with_name("aside")

    def lose(self):
        self.folder.rename(self._aside)
        self.folder.mkdir()

    def bring_back(self):
        assert self.left() == []
        self.folder.rmdir()
        self._aside.rename(self.folder)

    def left(self):
        return sorted(path.name for path in self.folder.rglob("*") if path.is_file())


@pytest.fixture
def mount(tmp_path):
    return Mount(tmp_path / "files")


def _is_pending(worker, handle):
    return AsyncResult(handle.id, app=worker.app).state == "PENDING"


def _now(client):
    """By Redis' clock."""
    seconds, microseconds = client.time()
    return seconds + microseconds / 1e6


def test_delivery_is_held_while_the_storage_is_not_mounted_and_continues_afterwards(
    worker, ready, mount, conveyor, sandbox
):
    handle, message = ready()
    mount.lose()
    for _ in range(12):  # more often than any fault is forgiven
        worker.run(message)
        assert [bell.task for bell in worker.drop()] == [names.DELIVER]
    entry = worker.services.ledger.get(handle.id)

    assert (entry.state, entry.faults) == (State.READY, 0)
    assert "has no file .conveyor" in handle.progress().note
    assert _is_pending(worker, handle)
    assert sandbox.audit()["downloads"] == 0

    mount.bring_back()
    worker.run(message)
    assert handle.get().state is State.SUCCEEDED
    assert conveyor.dead_letters.list() == []


def test_result_that_is_not_mounted_is_not_told_to_be_gone(worker, ready, mount, conveyor):
    handle, message = ready()
    worker.run(message)
    (file,) = handle.get().files
    mount.lose()
    with pytest.raises(OtherStorage, match=r"has no file \.conveyor"):
        list(conveyor.storage.read(file.uri))

    mount.bring_back()
    (mount.folder / "results" / handle.id / file.name).unlink()
    with pytest.raises(FileGone):
        list(conveyor.storage.read(file.uri))


def test_storage_that_is_unmounted_during_a_download_keeps_no_result(
    worker, ready, mount, monkeypatch, conveyor
):
    handle, message = ready()
    module = import_module("workers.storing")
    fetch_one = module._fetch_one

    def fetch_and_lose(*args):
        mount.lose()
        return fetch_one(*args)

    with monkeypatch.context() as patch:
        patch.setattr(module, "_fetch_one", fetch_and_lose)
        worker.run(message)
    assert handle.get().state is State.READY
    assert _is_pending(worker, handle)

    for path in sorted(mount.folder.rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    mount.bring_back()
    worker.work()
    (file,) = handle.get().files
    assert b"".join(conveyor.storage.read(file.uri))


def test_staged_source_that_is_not_mounted_is_held_and_no_dead_letter(
    worker, conveyor, document, mount, sandbox
):
    handle = conveyor.convert(document, to="html")
    mount.lose()
    (message,) = worker.waiting()
    worker.run(message)
    progress = handle.progress()

    assert (progress.state, progress.held) == (State.QUEUED, True)
    assert "has no file .conveyor" in progress.note
    assert conveyor.dead_letters.list() == []
    assert sandbox.audit()["jobs"] == 0

    mount.bring_back()
    worker.work()
    assert handle.get().state is State.SUCCEEDED


def test_result_that_is_a_source_and_not_mounted_is_held_and_no_dead_letter(
    worker, ready, conveyor, mount, sandbox
):
    first, message = ready()
    worker.run(message)
    (file,) = first.get().files
    handle = conveyor.convert(file.uri, to="pdf")
    mount.lose()
    (message,) = worker.waiting()
    worker.run(message)

    assert handle.state is State.QUEUED
    assert "has no file .conveyor" in handle.progress().note
    assert conveyor.dead_letters.list() == []

    mount.bring_back()
    worker.work()
    assert handle.get().state is State.SUCCEEDED


@pytest.mark.parametrize("where", ["results/none/a.pdf", "staged/none/a.pdf", "a.pdf"])
def test_source_that_the_right_storage_has_never_had_is_the_callers(worker, conveyor, mount, where):
    worker.services.marker.check()
    handle = conveyor.convert((mount.folder / where).as_uri(), to="html")
    worker.work()

    failure = handle.get().failure
    assert (failure.kind, failure.reason) == (FailureKind.INPUT, Reason.MISSING)


@pytest.mark.parametrize("how", ["another storage", "the same under another address"])
def test_staged_source_that_a_worker_has_not_is_left_to_another(
    *, worker_of, conveyor, document, sandbox, tmp_path, mount, how
):
    others = tmp_path / "others"
    handle = conveyor.convert(document, to="html")
    if how != "another storage":
        shutil.copytree(mount.folder, others)
    with worker_of(sandbox.url, storage_url=str(others)) as stranger:
        (message,) = stranger.waiting()
        stranger.run(message)
        assert handle.state is State.QUEUED
        assert "set conveyor_storage_url" in handle.progress().note.lower()
        (again,) = stranger.waiting()
    with worker_of(sandbox.url) as right:
        right.run_when_due(again)
        right.work()
    assert handle.get().state is State.SUCCEEDED


def test_source_that_is_gone_from_the_right_storage_is_the_callers(
    worker, conveyor, document, mount
):
    handle = conveyor.convert(document, to="html")
    for path in mount.folder.rglob("*.md"):
        path.unlink()
    worker.work()

    failure = handle.get().failure
    assert (failure.kind, failure.reason) == (FailureKind.INPUT, Reason.MISSING)


def test_url_is_converted_while_the_storage_is_not_mounted(
    worker, conveyor, mount, document, sandbox
):
    conveyor.convert(document, to="html")
    worker.work()
    mount.lose()
    handle = conveyor.convert(f"{sandbox.url}/healthz", to="html", from_format="txt")
    (message,) = worker.waiting()
    worker.run(message)

    assert "has no file" not in handle.progress().note


def test_result_that_the_service_dropped_while_the_storage_was_not_mounted_is_expired(
    worker, ready, mount, client
):
    handle, message = ready()
    mount.lose()
    client.hset(KEYS.conversion(handle.id), "ready_at", 1)
    worker.run(message)

    assert handle.get().state is State.EXPIRED


def test_unreachable_storage_is_retried_up_to_the_limit_and_reported_once(
    *, worker_of, ready, sandbox, mount, client, due_at
):
    handle, message = ready()
    results = mount.folder / "results"
    results.write_text("no folder")
    with worker_of(sandbox.url, storage_retries=len(WAITS_S)) as patient:
        for wait_s in WAITS_S:
            before = _now(client)
            patient.run(message)
            after = _now(client)
            assert _is_pending(patient, handle)
            # It was held between these two moments.
            assert before + wait_s <= due_at(handle.id) <= after + wait_s * JITTER
        patient.run(message)
        with pytest.raises(ConversionFailed, match="is paid") as raised:
            AsyncResult(handle.id, app=patient.app).get(timeout=30)

    # Celery's result backend has carried it.
    assert raised.value.reason is Reason.STORAGE
    assert handle.get().failure.kind is FailureKind.STORAGE
    assert due_at(handle.id) is None


def test_result_above_the_largest_size_ends_as_too_large(worker_of, conveyor, sandbox, tmp_path):
    document = tmp_path / "long.md"
    document.write_text("words\n\n" * 1000)
    handle = conveyor.convert(document, to="html")
    with worker_of(sandbox.url, storage_retries=0, max_file_bytes=1024) as worker:
        worker.work()

    failure = handle.get().failure
    assert (failure.kind, failure.reason) == (FailureKind.STORAGE, Reason.TOO_LARGE)
    assert "CONVEYOR_MAX_FILE_BYTES" in failure.message


def test_worker_with_another_storage_leaves_the_delivery_to_another(
    worker_of, ready, sandbox, tmp_path, worker
):
    handle, message = ready()
    with worker_of(sandbox.url, storage_url=str(tmp_path / "others")) as stranger:
        stranger.run(message)
        (again,) = stranger.waiting()
        assert again.due_at - message.due_at < 10**10
        assert _is_pending(stranger, handle)
        storage_watch.look()
        assert len(stranger.services.marker.mark.strangers()) == 1
    with worker_of(sandbox.url) as right:
        storage_watch.look()
        right.run_when_due(again)
        assert right.services.marker.mark.strangers() == []
    assert handle.get().state is State.SUCCEEDED
    assert not (tmp_path / "others").exists()


def test_failure_is_reported_by_a_worker_with_another_storage_and_its_source_is_removed_later(
    *, worker_of, conveyor, sandbox, document, tmp_path, mount
):
    with worker_of(sandbox.url, storage_url=str(tmp_path / "others")) as stranger:
        handle = conveyor.convert(document, to="html")
        stranger.waiting()
        handle.cancel()
        stranger.work()
        assert AsyncResult(handle.id, app=stranger.app).state == "FAILURE"
    assert "a.md" in mount.left()
    with worker_of(sandbox.url):
        cleaner.clean()
    assert mount.left() == [MARKER]


@pytest.fixture
def while_storing(worker, monkeypatch):
    """Have something happen when the first file is stored."""

    def arrange(work):
        module = import_module("workers.storing")
        fetch_one = module._fetch_one

        def stored(*args):
            fetched = fetch_one(*args)
            work()
            return fetched

        monkeypatch.setattr(module, "_fetch_one", stored)

    return arrange


def test_files_of_what_is_cancelled_while_it_is_stored_are_removed(
    worker, ready, while_storing, mount
):
    handle, message = ready()
    while_storing(handle.cancel)
    worker.run(message)
    worker.work()

    assert handle.get().state is State.CANCELLED
    assert mount.left() == [MARKER]


def test_files_that_a_lapsed_delivery_stores_of_what_another_has_cancelled_are_removed(
    *, worker, ready, while_storing, mount, client
):
    handle, message = ready()

    def another_tells():
        client.delete(KEYS.delivery(handle.id))  # the lease has lapsed
        handle.cancel()
        (cancelled,) = worker.waiting()
        worker.run(cancelled)

    while_storing(another_tells)
    worker.run(message)

    assert AsyncResult(handle.id, app=worker.app).state == "FAILURE"
    assert mount.left() == [MARKER]


def test_bytes_that_come_in_an_answer_get_names_of_their_own(worker):
    keep = worker.services.keeper("c1")
    stored = [keep(name, [name.encode()]) for name in ("a.png", "../A.png", "a.png")]

    assert [type(file) for file in stored] == [StoredFile] * 3
    assert len({file.uri.lower() for file in stored}) == 3
    assert len({file.name.lower() for file in stored}) == 3
