"""Staged files: whose they are, and what becomes of those that nobody converts."""

from __future__ import annotations

import asyncio
import io
import threading
import time
from contextlib import closing
from types import SimpleNamespace

import pytest

from conveyor import BrokerUnavailable, Conveyor, InvalidRequest, State, StorageError
from conveyor.ledger import keys
from conveyor.ledger.reservations import Reservations
from conveyor.staging import Staging
from conveyor.storage import Storage, Writer

URL = "https://example.com/b.docx"


@pytest.fixture
def keeper(client, tmp_path):
    """A worker's side."""
    return Staging(Storage((tmp_path / "files").as_uri()), Reservations(client))


@pytest.fixture
def an_hour_later(client):
    def pass_time():
        for token in client.zrange(keys.STAGING, 0, -1):
            client.zadd(keys.STAGING, {token: 0})

    return pass_time


@pytest.mark.parametrize(
    "content", [io.BytesIO(b"words"), [b"wo", b"", b"rds"]], ids=["file", "it"]
)
def test_an_upload_becomes_the_source_of_its_conversion(conveyor, ledger, stored, content):
    file = conveyor.stage("../Ä letter.docx", content)
    assert (file.name, file.size) == ("../Ä letter.docx", 5)
    assert stored()[0].endswith("/Ä letter.docx")

    entry = ledger.get(conveyor.convert(file, to="pdf").id)

    assert [source.value for source in entry.request.sources] == [file.uri]
    assert entry.request.from_format == "docx"


def test_what_a_conversion_owns_is_never_tidied_away(
    conveyor, stored, keeper, an_hour_later, client
):
    conveyor.convert(conveyor.stage("a.docx", [b"words"]), to="pdf")
    an_hour_later()

    assert keeper.remove_overdue() == 0
    assert len(stored()) == 1
    assert client.zcard(keys.STAGING) == 0


def test_what_nobody_converts_is_removed_after_an_hour(
    conveyor, stored, keeper, an_hour_later, client
):
    conveyor.stage("a.docx", [b"words"])
    assert keeper.remove_overdue() == 0
    an_hour_later()

    assert keeper.remove_overdue() == 1
    assert stored() == []
    assert client.scard(keys.DOOMED) == 0


def test_a_part_whose_writer_was_killed_is_removed_too(
    conveyor, stored, keeper, an_hour_later, client
):
    conveyor.storage.stage(Reservations(client).make(), "a.docx").write(b"half of")
    assert stored()[0].endswith(".part")
    an_hour_later()
    keeper.remove_overdue()

    assert stored() == []


def test_a_worker_that_dies_while_it_removes_leaves_the_rest_to_another(
    conveyor, stored, keeper, an_hour_later, monkeypatch
):
    conveyor.stage("a.docx", [b"words"])
    an_hour_later()

    def killed(*_):
        raise StorageError("killed here")

    with monkeypatch.context() as patch:
        patch.setattr(Storage, "remove_folder", killed)
        with pytest.raises(StorageError):
            keeper.remove_overdue()
    assert len(stored()) == 1

    assert keeper.remove_overdue() == 1
    assert stored() == []


def test_one_that_was_tidied_away_can_not_be_converted(conveyor, keeper, an_hour_later, ledger):
    file = conveyor.stage("a.docx", [b"words"])
    an_hour_later()
    keeper.remove_overdue()

    with pytest.raises(InvalidRequest, match="Upload it again"):
        conveyor.convert(file, to="pdf")
    assert ledger.claim_overdue(10, 1.0) == []


def test_a_file_belongs_to_one_conversion(conveyor, stored):
    file = conveyor.stage("a.docx", [b"words"])
    conveyor.convert(file, to="pdf")

    with pytest.raises(InvalidRequest, match="belongs to another"):
        conveyor.convert(file, to="png")
    conveyor.unstage([file])
    assert len(stored()) == 1


def test_of_a_tidier_and_a_conversion_at_once_one_gets_it(conveyor, keeper, client, ledger, stored):
    """Whoever wins: never a conversion whose source is gone, never a file that stays for ever."""
    for _ in range(40):
        file = conveyor.stage("a.docx", [b"words"])
        for token in client.zrange(keys.STAGING, 0, -1):
            client.zadd(keys.STAGING, {token: 0})
        thread = threading.Thread(target=keeper.remove_overdue)
        thread.start()
        try:
            handle = conveyor.convert(file, to="pdf")
        except InvalidRequest:
            handle = None
        thread.join()
        if handle is None:
            assert stored() == []
        else:
            assert len(stored()) == 1
            conveyor.storage.remove_staged([file.uri])


def test_content_that_breaks_off_leaves_nothing(conveyor, stored, client, tmp_path):
    def broken():
        yield b"half of"
        raise ConnectionError("gone")

    with pytest.raises(ConnectionError):
        conveyor.stage("a.docx", broken())

    assert stored() == []
    assert not any((tmp_path / "files" / "staged").iterdir())
    assert client.zcard(keys.STAGING) == 0


@pytest.mark.parametrize(
    ("name", "words"),
    [("gone.docx", "does not exist"), ("empty.docx", "is empty"), ("folder", "is no file")],
)
def test_what_is_no_document_is_not_staged(conveyor, stored, tmp_path, name, words):
    (tmp_path / "empty.docx").touch()
    (tmp_path / "folder").mkdir()
    with pytest.raises(InvalidRequest, match=words):
        conveyor.convert(tmp_path / name, to="pdf", from_format="docx")

    assert stored() == []


def test_an_empty_upload_is_refused(conveyor, stored):
    with pytest.raises(InvalidRequest, match="is empty"):
        conveyor.stage("a.docx", [])
    assert stored() == []


def test_a_signature_keeps_its_source_for_a_month(conveyor, stored, keeper, client, tmp_path):
    document = tmp_path / "letter.docx"
    document.write_bytes(b"words")
    signature = conveyor.signature([document, URL], to="zip")
    staged, url = signature.args[0]
    ((_, kept_until),) = client.zrange(keys.STAGING, 0, -1, withscores=True)

    assert url == URL
    assert kept_until - time.time() == pytest.approx(30 * 24 * 3600, abs=60)
    assert keeper.remove_overdue() == 0
    with conveyor.storage.open_source(staged) as stream:
        assert stream.read() == b"words"


def test_a_signature_takes_no_file_of_another_conversion(conveyor):
    file = conveyor.stage("a.docx", [b"words"])
    conveyor.convert(file, to="pdf")

    with pytest.raises(InvalidRequest, match="belongs to another"):
        conveyor.signature(file, to="png")


def test_a_staged_file_may_be_named_by_its_address(conveyor, stored, keeper, an_hour_later):
    conveyor.convert(conveyor.stage("a.docx", [b"words"]).uri, to="pdf")
    an_hour_later()

    assert keeper.remove_overdue() == 0
    assert len(stored()) == 1


def test_one_that_can_not_be_removed_keeps_the_others_from_nothing(
    conveyor, stored, keeper, an_hour_later, monkeypatch
):
    stubborn, *_ = (conveyor.stage("a.docx", [b"words"]) for _ in range(5))
    an_hour_later()
    remove = Storage.remove_folder

    def refuse_one(storage, token):
        if token in stubborn.uri:
            raise StorageError("not this one")
        remove(storage, token)

    with monkeypatch.context() as patch:
        patch.setattr(Storage, "remove_folder", refuse_one)
        with pytest.raises(StorageError, match="not this one"):
            keeper.remove_overdue()
    assert len(stored()) == 1


def test_an_upload_that_stood_still_for_too_long_is_refused(conveyor, stored, client):
    def slow():
        yield b"half of"
        client.delete(keys.STAGING)

    with pytest.raises(InvalidRequest, match="send it again"):
        conveyor.stage("a.docx", slow())
    assert stored() == []


def test_a_repeat_under_the_same_key_leaves_one_file(conveyor, stored):
    """Whether it comes as an upload, as the same staged file, or as a local one."""
    first = conveyor.stage("a.docx", [b"words"])
    again = conveyor.stage("a.docx", [b"words"])
    ids = {
        conveyor.convert(file, to="pdf", idempotency_key="k").id for file in (first, again, first)
    }

    assert len(ids) == 1
    assert len(stored()) == 1
    with pytest.raises(InvalidRequest, match="different request"):
        conveyor.convert(conveyor.stage("a.docx", [b"other"]), to="pdf", idempotency_key="k")


def test_a_broker_that_is_away_leaves_nothing(redis_url, tmp_path, stored, client):
    with closing(
        Conveyor(
            broker_url="redis://127.0.0.1:1/0",
            redis_url=redis_url,
            storage_url=str(tmp_path / "files"),
        )
    ) as conveyor:
        file = conveyor.stage("a.docx", [b"words"])
        with pytest.raises(BrokerUnavailable):
            conveyor.convert(file, to="pdf")

    assert stored() == []
    assert client.zcard(keys.STAGING) == client.scard(keys.DOOMED) == 0
    assert list(client.scan_iter("*:events:*")) == list(client.scan_iter("*:state:*")) == []


def test_an_asynchronous_upload_is_the_same(redis_url, tmp_path, stored):
    async def chunks(*, breaks):
        for _ in range(5):
            yield b"x" * 700_000
        if breaks:
            raise ConnectionError("gone")

    async def upload():
        conveyor = Conveyor(broker_url=redis_url, storage_url=str(tmp_path / "files"))
        try:
            with pytest.raises(ConnectionError):
                await conveyor.astage("a.docx", chunks(breaks=True))
            assert stored() == []
            return await conveyor.astage("a.docx", chunks(breaks=False))
        finally:
            await conveyor.aclose()

    file = asyncio.run(upload())

    assert file.size == 3_500_000
    assert len(stored()) == 1


def test_an_upload_that_is_cancelled_leaves_nothing(redis_url, tmp_path, stored):
    begun = asyncio.Event()

    async def endless():
        for _ in range(30):
            yield b"x" * 100_000
        begun.set()
        await asyncio.Event().wait()

    async def upload():
        conveyor = Conveyor(broker_url=redis_url, storage_url=str(tmp_path / "files"))
        task = asyncio.create_task(conveyor.astage("a.docx", endless()))
        await begun.wait()
        assert len(stored()) == 1
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await conveyor.aclose()

    asyncio.run(upload())

    assert stored() == []


@pytest.fixture
def slow_storage(monkeypatch):
    """Moving a file takes until `released`, as in a bucket, where it is a copy."""
    storage = SimpleNamespace(entered=threading.Event(), released=threading.Event())
    finish = Writer.finish

    def slowly(writer):
        storage.entered.set()
        storage.released.wait(60)
        finish(writer)

    monkeypatch.setattr(Writer, "finish", slowly)
    yield storage
    storage.released.set()


async def _until_set(event):
    """Without a thread, as the threads are what may be taken."""
    async with asyncio.timeout(30):
        while not event.is_set():  # noqa: ASYNC110 - a thread sets it
            await asyncio.sleep(0.01)


def test_one_that_is_cancelled_in_its_last_moment_leaves_nothing(
    redis_url, tmp_path, stored, slow_storage, client
):
    """What runs in a thread can't be stopped: its end is waited for."""

    async def words():
        yield b"words"

    async def upload():
        conveyor = Conveyor(broker_url=redis_url, storage_url=str(tmp_path / "files"))
        task = asyncio.create_task(conveyor.astage("a.docx", words()))
        await _until_set(slow_storage.entered)
        task.cancel()
        asyncio.get_running_loop().call_later(0.3, slow_storage.released.set)
        with pytest.raises(asyncio.CancelledError):
            await task
        await conveyor.aclose()

    asyncio.run(upload())

    assert stored() == []
    assert client.zcard(keys.STAGING) == client.scard(keys.DOOMED) == 0


def test_a_slow_storage_holds_up_nothing_else(redis_url, tmp_path, slow_storage):
    async def words():
        yield b"words"

    async def work():
        conveyor = Conveyor(broker_url=redis_url, storage_url=str(tmp_path / "files"))
        handle = await conveyor.aconvert(URL, to="pdf")
        uploads = [asyncio.create_task(conveyor.astage("a.docx", words())) for _ in range(30)]
        await _until_set(slow_storage.entered)
        await asyncio.sleep(0.2)
        seen = await asyncio.wait_for(handle.aget(), 30)
        slow_storage.released.set()
        await asyncio.gather(*uploads)
        await conveyor.aclose()
        return seen

    assert asyncio.run(work()).state is State.QUEUED
