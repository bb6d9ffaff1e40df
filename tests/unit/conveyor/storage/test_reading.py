"""Files on their way out, and what each reading costs at an object store."""

from __future__ import annotations

import io
import os

import pytest

from conveyor.errors import FileGone, InvalidRequest, StorageError
from conveyor.storage import CHUNK_BYTES, Storage, chunks_of
from conveyor.storage.objects import PART_BYTES

PATH = "files/in/results/c1/a.bin"
URI = f"s3://{PATH}"


def _open(storage, uri=URI):
    with storage.open_source(uri) as stream:
        return stream.read()


# -- streams ----------------------------------------------------------------------------------


class _Noted(io.BytesIO):
    """Notes how much is asked for."""

    def __init__(self, content):
        super().__init__(content)
        self.asked = []

    def read(self, size):
        self.asked.append(size)
        return super().read(size)


@pytest.mark.parametrize(
    ("most", "asked", "size"),
    [
        (None, [CHUNK_BYTES] * 3, CHUNK_BYTES + 5),
        (0, [0], 0),
        (3, [3, 0], 3),
        (CHUNK_BYTES, [CHUNK_BYTES, 0], CHUNK_BYTES),
        (CHUNK_BYTES + 2, [CHUNK_BYTES, 2, 0], CHUNK_BYTES + 2),
        (CHUNK_BYTES + 9, [CHUNK_BYTES, 9, 4], CHUNK_BYTES + 5),
    ],
)
def test_no_more_of_a_stream_is_read_than_is_wanted(most, asked, size):
    stream = _Noted(bytes(CHUNK_BYTES + 5))

    assert len(b"".join(chunks_of(stream, most))) == size
    assert stream.asked == asked


# -- files ------------------------------------------------------------------------------------


@pytest.mark.parametrize("url", ["file", "memory"])
@pytest.mark.parametrize(
    ("start", "end", "part"),
    [(0, None, b"one two"), (2, 5, b"e t"), (5, 2, b""), (7, None, b""), (9, 12, b"")],
)
def test_range_of_a_file_is_read(tmp_path, url, start, end, part):
    storage = Storage(tmp_path.as_uri() if url == "file" else "memory://reading")
    uri = storage.save("c1", "a.txt", [b"one two"]).uri

    assert b"".join(storage.read(uri, start, end)) == part


def test_pipe_in_the_storage_is_not_a_file(tmp_path):
    """To open one would wait for a writer for ever."""
    (tmp_path / "results").mkdir()
    os.mkfifo(tmp_path / "results" / "pipe")
    storage = Storage(tmp_path.as_uri())
    with pytest.raises(InvalidRequest, match="is not a file"):
        _open(storage, f"{storage.location}/results/pipe")
    with pytest.raises(StorageError, match="not a file"):
        list(storage.read(f"{storage.location}/results/pipe"))


# -- objects ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "span", "asked"),
    [
        (7, (), [("get", 0, PART_BYTES)]),
        (7, (3,), [("get", 3, 3 + PART_BYTES)]),
        (7, (2, 5), [("get", 2, 5)]),
        (7, (2, 9), [("get", 2, 9)]),
        (7, (7,), [("get", 7, 7 + PART_BYTES), ("info",)]),
        (7, (9,), [("get", 9, 9 + PART_BYTES), ("info",)]),
        (0, (), [("get", 0, PART_BYTES), ("info",)]),
        # Nothing is wanted, and whether it is there still has to be asked.
        (7, (3, 3), [("info",)]),
        (7, (5, 3), [("info",)]),
        (7, (0, 0), [("info",)]),
        (
            PART_BYTES,
            (),
            [("get", 0, PART_BYTES), ("info",)],
        ),
        (
            PART_BYTES + 3,
            (),
            [("get", 0, PART_BYTES), ("info",), ("get", PART_BYTES, PART_BYTES + 3)],
        ),
        (
            PART_BYTES + 3,
            (1,),
            [("get", 1, PART_BYTES + 1), ("info",), ("get", PART_BYTES + 1, PART_BYTES + 3)],
        ),
    ],
)
def test_range_of_an_object_costs_as_few_requests_as_can_be(store, bucket, size, span, asked):
    store.objects[PATH] = content = (b"0123456789abcde" * (size // 15 + 1))[:size]
    start, end = (*span, None, None)[:2] if span else (0, None)
    read = b"".join(bucket.read(URI, *span))

    assert read == content[start : None if end is None else max(start, end)]
    assert [(word, *more) for word, _, *more in store.asked] == asked


@pytest.mark.parametrize("span", [(), (2,), (2, 4), (3, 3)])
def test_object_that_is_gone_is_reported_as_gone(store, bucket, span):
    store.objects["files/in/other"] = b"x"
    with pytest.raises(FileGone):
        list(bucket.read(URI, *span))


@pytest.mark.parametrize("span", [(), (2,), (3, 3)])
def test_folder_is_not_read_as_an_object(store, bucket, span):
    store.objects[f"{PATH}/inside"] = b"x"
    with pytest.raises(StorageError, match="not a file"):
        list(bucket.read(URI, *span))
    with pytest.raises(InvalidRequest, match="not a file"):
        _open(bucket)


def test_fault_of_a_store_is_not_taken_for_the_end_of_an_object(store, bucket):
    store.objects[PATH] = b"words"
    store.faults["get"] = OSError("away")
    with pytest.raises(StorageError):
        list(bucket.read(URI, 4))
    with pytest.raises(StorageError):
        _open(bucket)


def test_object_that_appears_only_after_it_was_asked_for_is_gone(store, bucket):
    store.objects[PATH] = b"words"
    store.faults["get"] = FileNotFoundError("not yet")
    with pytest.raises(FileGone):
        list(bucket.read(URI))
    with pytest.raises(InvalidRequest, match="does not exist"):
        _open(bucket)


def test_small_source_costs_one_request(store, bucket):
    store.objects[PATH] = b"words"

    assert _open(bucket) == b"words"
    assert store.asked == [("get", PATH, 0, PART_BYTES)]


@pytest.mark.parametrize("size", [PART_BYTES, PART_BYTES + 3])
def test_large_source_is_read_in_parts_as_it_is_needed(store, bucket, size):
    store.objects[PATH] = content = (b"0123456789abcde" * (size // 15 + 1))[:size]

    assert _open(bucket) == content
    assert ("open", PATH, "rb", PART_BYTES, "readahead") in store.asked


@pytest.mark.parametrize(
    ("content", "words"), [(None, "does not exist. Check its name"), (b"", "is empty. Use a file")]
)
def test_source_that_brings_nothing_is_refused(store, bucket, content, words):
    store.objects["files/in/other"] = b"x"
    if content is not None:
        store.objects[PATH] = content
    with pytest.raises(InvalidRequest, match=words) as refused:
        _open(bucket)

    assert "s3://files/…" in str(refused.value)


# -- sources, as whoever uploads them reads them ----------------------------------------------


@pytest.fixture(params=["object", "file"])
def source(request, store, bucket, tmp_path):
    """A large source, open."""
    content = b"0123456789" * (PART_BYTES // 8)
    if request.param == "object":
        store.objects[PATH] = content
        storage, uri = bucket, URI
    else:
        storage = Storage(tmp_path.as_uri())
        uri = storage.save("c1", "a.bin", [content]).uri
    with storage.open_source(uri) as stream:
        yield stream


def test_source_can_be_read_again_from_any_place(source):
    assert source.readable()
    assert source.seekable()
    assert source.read(12) == b"012345678901"
    assert source.tell() == 12
    assert source.seek(5) == 5
    assert source.read(3) == b"567"
    assert source.seek(-2, io.SEEK_END) == len(b"0123456789" * (PART_BYTES // 8)) - 2
    assert source.read() == b"89"
    assert source.read() == b""


def test_source_is_closed_with_the_block(store, bucket):
    store.objects[PATH] = bytes(PART_BYTES)
    with bucket.open_source(URI) as stream:
        inner = stream.raw._stream
    assert inner.closed
    assert stream.closed
    stream.close()


def test_fault_on_the_way_is_told_as_the_storage_and_names_its_setting(store, tmp_path):
    store.objects["files/docs/a.bin"] = bytes(3 * PART_BYTES)
    storage = Storage(tmp_path.as_uri(), ["s3://files/docs"])
    with storage.open_source("s3://files/docs/a.bin") as stream:
        stream.read(1)
        store.faults["get"] = RuntimeError("hush")
        with pytest.raises(
            StorageError, match=r"Can't read the source \(s3://files/docs\)"
        ) as told:
            stream.read()

    assert str(told.value).endswith(": RuntimeError. Check CONVEYOR_SOURCE_FOLDERS.")
