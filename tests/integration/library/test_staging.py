"""Staged files: whose they are, and what becomes of those that nobody converts."""

from __future__ import annotations

import asyncio
import io
import os
import threading
import time
import unicodedata
from contextlib import closing
from types import SimpleNamespace

import pytest

from conveyor import (
    BrokerUnavailable,
    Conveyor,
    Failure,
    FailureKind,
    InvalidRequest,
    State,
    StorageError,
)
from conveyor.ledger.keys import Keys
from conveyor.ledger.reservations import Reservations
from conveyor.producing.staging import Staging
from conveyor.storage import Storage, Writer

KEYS = Keys()

URL = "https://example.com/b.docx"


@pytest.fixture
def keeper(client, tmp_path):
    """A worker's side."""
    return Staging(Storage((tmp_path / "files").as_uri()), Reservations(client))


@pytest.fixture
def an_hour_later(client):
    def pass_time():
        for token in client.zrange(KEYS.staging, 0, -1):
            client.zadd(KEYS.staging, {token: 0})

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


def test_files_of_a_conversion_are_never_cleaned_up(
    conveyor, stored, keeper, an_hour_later, client
):
    conveyor.convert(conveyor.stage("a.docx", [b"words"]), to="pdf")
    an_hour_later()

    assert keeper.remove_overdue() == 0
    assert len(stored()) == 1
    assert client.zcard(KEYS.staging) == 0


def test_unconverted_upload_is_removed_after_an_hour(
    conveyor, stored, keeper, an_hour_later, client
):
    conveyor.stage("a.docx", [b"words"])
    assert keeper.remove_overdue() == 0
    an_hour_later()

    assert keeper.remove_overdue() == 1
    assert stored() == []
    assert client.scard(KEYS.doomed) == 0


def test_part_of_a_killed_writer_is_removed_too(conveyor, stored, keeper, an_hour_later, client):
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


def test_one_that_was_tidied_away_can_not_be_converted(conveyor, keeper, an_hour_later, client):
    file = conveyor.stage("a.docx", [b"words"])
    an_hour_later()
    keeper.remove_overdue()

    with pytest.raises(InvalidRequest, match="Upload it again"):
        conveyor.convert(file, to="pdf")
    assert client.zcard(KEYS.due("submit")) == 0


def test_a_file_belongs_to_one_conversion(conveyor, stored):
    file = conveyor.stage("a.docx", [b"words"])
    conveyor.convert(file, to="pdf")

    with pytest.raises(InvalidRequest, match="another conversion"):
        conveyor.convert(file, to="png")
    conveyor.unstage([file])
    assert len(stored()) == 1


def test_cleaner_and_conversion_never_both_get_a_file(conveyor, keeper, client, ledger, stored):
    """Whoever wins: never a conversion whose source is gone, never a file that stays for ever."""
    for _ in range(40):
        file = conveyor.stage("a.docx", [b"words"])
        for token in client.zrange(KEYS.staging, 0, -1):
            client.zadd(KEYS.staging, {token: 0})
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
    assert client.zcard(KEYS.staging) == 0


@pytest.mark.parametrize(
    ("name", "words"),
    [("gone.docx", "does not exist"), ("empty.docx", "is empty"), ("folder", "is a folder")],
)
def test_invalid_document_is_not_staged(conveyor, stored, tmp_path, name, words):
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
    ((_, kept_until),) = client.zrange(KEYS.staging, 0, -1, withscores=True)

    assert url == URL
    assert kept_until - time.time() == pytest.approx(30 * 24 * 3600, abs=60)
    assert keeper.remove_overdue() == 0
    with conveyor.storage.open_source(staged) as stream:
        assert stream.read() == b"words"


def test_a_signature_takes_no_file_of_another_conversion(conveyor):
    file = conveyor.stage("a.docx", [b"words"])
    conveyor.convert(file, to="pdf")

    with pytest.raises(InvalidRequest, match="another conversion"):
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
        client.delete(KEYS.staging)

    with pytest.raises(InvalidRequest, match="Send it again"):
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


def test_a_broker_that_is_down_leaves_nothing(redis_url, tmp_path, stored, client):
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
    assert client.zcard(KEYS.staging) == client.scard(KEYS.doomed) == 0
    assert list(client.scan_iter("*:events:*")) == list(client.scan_iter("*:state:*")) == []


@pytest.fixture
def stamp(tmp_path):
    path = tmp_path / "stamp.pdf"
    path.write_bytes(b"%PDF-1.4")
    return path


def test_a_local_file_parameter_is_staged_like_a_source(
    *, conveyor, ledger, stored, keeper, an_hour_later, stamp
):
    params = {"OverlayFile": str(stamp), "PageRange": "1"}
    entry = ledger.get(conveyor.convert(URL, to="pdf", params=params).id)
    an_hour_later()

    overlay = entry.request.files["OverlayFile"]
    assert (overlay.kind, overlay.name) == ("stored", "stamp.pdf")
    assert entry.request.params == {"PageRange": "1"}
    assert keeper.remove_overdue() == 0
    assert len(stored()) == 1


def test_an_uploaded_file_parameter_belongs_to_its_conversion(
    conveyor, stored, keeper, an_hour_later
):
    file = conveyor.stage("stamp.pdf", [b"%PDF-1.4"])
    conveyor.convert(URL, to="pdf", params={"OverlayFile": file})
    an_hour_later()

    assert keeper.remove_overdue() == 0
    assert len(stored()) == 1
    with pytest.raises(InvalidRequest, match="another conversion"):
        conveyor.convert(URL, to="pdf", params={"OverlayFile": file})


def test_file_parameters_under_a_key_are_compared_by_content(conveyor, stored, stamp):
    def convert(**options):
        params = {"OverlayFile": stamp}
        return conveyor.convert(URL, to="pdf", params=params, idempotency_key="k", **options).id

    first = convert()
    # How long to wait is no part of what is asked.
    assert {convert(), convert(semi_async_seconds=600)} == {first}
    assert len(stored()) == 1
    stamp.write_bytes(b"%PDF-1.5")
    with pytest.raises(InvalidRequest, match="different request"):
        convert()


def test_how_long_to_wait_is_kept_with_the_conversion(conveyor, ledger):
    handle = conveyor.convert(URL, to="pdf", semi_async_seconds=600)

    assert ledger.get(handle.id).request.semi_async_seconds == 600


@pytest.mark.parametrize("source", [None, URL], ids=["of a chain", "its own"])
def test_a_signature_keeps_its_file_parameter_for_a_month(conveyor, client, stamp, source):
    signature = conveyor.signature(
        source, to="pdf", params={"OverlayFile": stamp, "Scale": 2}, semi_async_seconds=5
    )
    ((_, kept_until),) = client.zrange(KEYS.staging, 0, -1, withscores=True)

    assert kept_until - time.time() == pytest.approx(30 * 24 * 3600, abs=60)
    assert signature.kwargs["semi_async_seconds"] == 5
    params = signature.kwargs["params"]
    assert params["Scale"] == "2"
    with conveyor.storage.open_source(params["OverlayFile"]) as stream:
        assert stream.read() == b"%PDF-1.4"
    assert str(stamp.parent) not in signature.options["kwargsrepr"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("gone.pdf", "does not exist"),
        ("empty.pdf", "is empty"),
        ("folder", "is a folder"),
        ("a" * 4000, "Can't read"),
        ("gone\udcff.pdf", "does not exist"),
    ],
    ids=ascii,
)
@pytest.mark.parametrize("call", ["convert", "signature"])
def test_a_missing_file_parameter_is_refused_before_anything_is_staged(
    *, conveyor, stored, client, stamp, tmp_path, name, words, call
):
    (tmp_path / "empty.pdf").touch()
    (tmp_path / "folder").mkdir()
    with pytest.raises(InvalidRequest, match=words) as refused:
        getattr(conveyor, call)(stamp, to="pdf", params={"OverlayFile": tmp_path / name})

    assert str(refused.value).isprintable()
    assert stored() == []
    assert client.zcard(KEYS.staging) == 0


@pytest.mark.parametrize("value", ["~nobody-has-this-home/a.pdf", "~/no/such/a.pdf"])
def test_home_of_an_unknown_user_is_not_a_file(conveyor, value):
    with pytest.raises(InvalidRequest, match="does not exist"):
        conveyor.convert(value, to="png")


def test_the_users_home_is_known(conveyor, ledger, stamp, monkeypatch):
    monkeypatch.setenv("HOME", str(stamp.parent))
    handle = conveyor.convert("~/stamp.pdf", to="png", params={"OverlayFile": "~/stamp.pdf"})

    names_ = [source.name for source in ledger.get(handle.id).request.attachments.values()]
    assert names_ == ["stamp.pdf", "stamp.pdf"]


def test_a_file_named_like_a_file_id_is_the_file(conveyor, ledger, stored, tmp_path, monkeypatch):
    name = "0123456789abcdef0123456789abcdef"
    (tmp_path / name).write_bytes(b"words")
    monkeypatch.chdir(tmp_path)
    entry = ledger.get(conveyor.convert(name, to="pdf", from_format="docx").id)

    assert entry.request.sources[0].kind == "stored"
    assert len(stored()) == 1


def test_a_staging_that_breaks_takes_back_what_was_staged(
    conveyor, stored, client, stamp, monkeypatch
):
    stage_path = Staging.stage_path

    def break_off(staging, path):
        if path.endswith(".png"):
            raise StorageError("full")
        return stage_path(staging, path)

    monkeypatch.setattr(Staging, "stage_path", break_off)
    logo = stamp.with_suffix(".png")
    logo.write_bytes(b"logo")
    with pytest.raises(StorageError, match="full"):
        conveyor.convert(stamp, to="pdf", params={"LogoFile": logo})

    assert stored() == []
    assert client.zcard(KEYS.staging) == 0


def test_a_broker_that_is_down_leaves_no_file_parameter(redis_url, tmp_path, stored, client, stamp):
    away = Conveyor(
        broker_url="redis://127.0.0.1:1/0",
        redis_url=redis_url,
        storage_url=str(tmp_path / "files"),
    )
    with closing(away), pytest.raises(BrokerUnavailable):
        away.convert(URL, to="pdf", params={"OverlayFile": stamp})

    assert stored() == []
    assert client.zcard(KEYS.staging) == 0


def test_a_purged_dead_letter_leaves_no_file_parameter(conveyor, ledger, stored, stamp):
    handle = conveyor.convert(URL, to="pdf", params={"OverlayFile": stamp})
    ledger.failed(ledger.get(handle.id), Failure(FailureKind.INPUT, "Damaged."))
    assert conveyor.dead_letters.purge(older_than_s=-60) == 1

    assert stored() == []


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
    assert client.zcard(KEYS.staging) == client.scard(KEYS.doomed) == 0


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


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("gone", "does not exist"),
        ("gone[1]*", "does not exist"),
        ("link", "is a link to a file that does not exist"),
        ("folder", "is a folder"),
        ("pipe", "is not a file"),
        ("empty", "is empty"),
    ],
)
@pytest.mark.parametrize("call", ["convert", "signature"])
def test_missing_file_is_reported_before_its_format(
    *, conveyor, stored, tmp_path, name, words, call
):
    (tmp_path / "link").symlink_to(tmp_path / "gone")
    (tmp_path / "folder").mkdir()
    (tmp_path / "empty").touch()
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InvalidRequest, match=words):
        getattr(conveyor, call)(str(tmp_path / name), to="pdf")

    assert stored() == []


def test_a_file_without_a_format_lacks_its_format_alone(conveyor, tmp_path):
    (tmp_path / "report").write_bytes(b"words")
    with pytest.raises(InvalidRequest, match="Can't tell the format"):
        conveyor.convert(tmp_path / "report", to="pdf")


@pytest.mark.parametrize(("given", "there"), [("NFC", "NFD"), ("NFD", "NFC")])
def test_both_forms_of_an_accent_name_the_same_file(conveyor, stored, tmp_path, given, there):
    name = "B\u00fcro/r\u00e9sum\u00e9.docx"
    path = tmp_path / unicodedata.normalize(there, name)
    path.parent.mkdir()
    path.write_bytes(b"words")
    conveyor.convert(tmp_path / unicodedata.normalize(given, name), to="pdf")

    assert stored()[0].endswith("/r\u00e9sum\u00e9.docx")


def test_a_name_with_brackets_is_staged(conveyor, stored, tmp_path):
    (tmp_path / "report[1].docx").write_bytes(b"words")
    conveyor.convert(tmp_path / "report[1].docx", to="pdf")

    assert stored()[0].endswith("/report[1].docx")
