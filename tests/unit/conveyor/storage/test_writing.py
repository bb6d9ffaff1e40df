"""Files on their way in: under a temporary name, and whole under their own."""

from __future__ import annotations

import errno
import gc
import hashlib
import os
import re
from types import SimpleNamespace
from uuid import uuid4

import pytest
from fsspec.implementations.local import LocalFileSystem
from fsspec.implementations.memory import MemoryFileSystem

from conveyor.domain.conversion import StoredFile
from conveyor.errors import StorageError
from conveyor.storage import partial as module
from conveyor.storage.partial import LocalFile, RenamedFile, is_partial
from conveyor.storage.place import Place
from conveyor.storage.writer import Writer, write_whole

PARTIAL = re.compile(r"\.a\.pdf\.[0-9a-f]{16}\.part")
HELD_BYTES = 256 * 1024

# -- temporary names --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "partial"),
    [
        (f"/files/.a.pdf.{'0' * 16}.part", True),
        (f".a.{'0123456789abcdef'}.part", True),
        (f"/files/a.pdf.{'0' * 16}.part", False),
        (f"/files/.{'0' * 16}.part", False),
        (f"/files/.a.pdf.{'0' * 15}.part", False),
        (f"/files/.a.pdf.{'g' * 16}.part", False),
        (f"/files/.a.pdf.{'0' * 16}.part.pdf", False),
        (f"/files/.a.pdf.{'0' * 16}.part/b", False),
        ("/files/x.part", False),
    ],
)
def test_temporary_name_is_told_from_a_results(path, partial):
    assert is_partial(path) is partial


@pytest.fixture
def target(tmp_path):
    return tmp_path / "results" / "c1" / "a.pdf"


@pytest.fixture(params=["local", "renamed"])
def begin(request, target):
    """Begins to write it, in each of the ways that lead to a folder."""
    ways = {"local": LocalFile, "renamed": lambda path: RenamedFile(LocalFileSystem(), path)}
    return lambda: ways[request.param](str(target))


def _opened(way):
    return way._file if isinstance(way, LocalFile) else way._stream


def test_file_is_written_beside_its_place_and_then_renamed(begin, target):
    way = begin()
    way.write(b"words")
    (partial,) = target.parent.iterdir()
    assert PARTIAL.fullmatch(partial.name)
    assert is_partial(str(partial))
    way.finish()

    assert [path.name for path in target.parent.iterdir()] == ["a.pdf"]
    assert target.read_bytes() == b"words"
    assert _opened(way).closed


def test_file_takes_the_place_of_the_one_before_it(begin, target):
    target.parent.mkdir(parents=True)
    target.write_bytes(b"before")
    way = begin()
    way.write(b"after")
    assert target.read_bytes() == b"before"
    way.finish()

    assert target.read_bytes() == b"after"


def test_two_that_write_one_file_do_not_meet(begin, target):
    one, other = begin(), begin()
    one.write(b"one")
    other.write(b"other")
    one.finish()
    other.finish()

    assert target.read_bytes() == b"other"


def test_given_up_file_is_removed(begin, target):
    way = begin()
    way.write(b"words")
    way.abandon()

    assert list(target.parent.iterdir()) == []
    assert _opened(way).closed


def test_file_can_be_given_up_twice_and_after_its_folder_was_removed(begin, target):
    way = begin()
    for path in target.parent.iterdir():
        path.unlink()
    target.parent.rmdir()
    way.abandon()
    way.abandon()


def test_file_that_can_not_be_closed_is_removed_all_the_same(begin, target):
    class Broken:
        closed = False

        def close(self):
            raise OSError(errno.EIO, "hush")

    way = begin()
    name = "_file" if isinstance(way, LocalFile) else "_stream"
    opened = getattr(way, name)
    setattr(way, name, Broken())
    way.abandon()
    setattr(way, name, opened)
    opened.close()

    assert list(target.parent.iterdir()) == []


def test_forgotten_file_is_closed(begin):
    """Warnings are errors here: of an open file Python warns."""
    begin().write(b"words")
    gc.collect()


def test_file_that_was_never_opened_is_forgotten_in_silence(target):
    target.parent.parent.write_text("in the way")
    with pytest.raises(OSError, match="Not a directory"):
        LocalFile(str(target))
    gc.collect()


@pytest.mark.parametrize("missing", [0, 1, 2])
def test_folders_that_are_missing_are_made(begin, target, missing):
    folders = [target.parent, target.parent.parent, target.parent.parent.parent]
    folders[missing].mkdir(parents=True, exist_ok=True)
    way = begin()
    way.finish()

    assert target.read_bytes() == b""


def test_folder_that_another_makes_in_the_same_moment_is_used(target, monkeypatch):
    def late(folder):
        target.parent.mkdir(parents=True)
        raise FileNotFoundError(folder)

    with monkeypatch.context() as patched:
        patched.setattr(module, "os", SimpleNamespace(mkdir=late, makedirs=os.makedirs))
        way = LocalFile(str(target))
    way.finish()

    assert target.exists()


# -- small pieces are held back ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("sizes", "on_disk"),
    [
        ([5], 0),
        ([HELD_BYTES - 1], 0),
        ([HELD_BYTES], HELD_BYTES),
        ([HELD_BYTES - 1, 1], HELD_BYTES),
        ([HELD_BYTES, 5], HELD_BYTES),
        ([HELD_BYTES, HELD_BYTES - 1], HELD_BYTES),
        ([HELD_BYTES, HELD_BYTES - 1, 2], 2 * HELD_BYTES + 1),
    ],
)
def test_pieces_are_held_back_up_to_a_quarter_of_a_megabyte(target, sizes, on_disk):
    way = LocalFile(str(target))
    for number, size in enumerate(sizes):
        way.write(bytes([number]) * size)
    (partial,) = target.parent.iterdir()

    assert partial.stat().st_size == on_disk
    way.finish()
    content = b"".join(bytes([number]) * size for number, size in enumerate(sizes))
    assert target.read_bytes() == content


def test_what_the_system_takes_in_part_is_written_to_its_end(target):
    class Short:
        def __init__(self, file):
            self._file = file

        def write(self, rest):
            return self._file.write(rest[:3])

        def close(self):
            self._file.close()

    way = LocalFile(str(target))
    way._file = Short(way._file)
    way.write(b"words that take a while")
    way.finish()

    assert target.read_bytes() == b"words that take a while"


# -- other file systems -----------------------------------------------------------------------


def test_file_system_that_can_not_rename_copies_and_removes():
    fs, folder = MemoryFileSystem(), f"/{uuid4()}"
    way = RenamedFile(fs, f"{folder}/a.pdf")
    way.write(b"words")
    way.finish()

    assert fs.find(folder) == [f"{folder}/a.pdf"]
    assert fs.cat_file(f"{folder}/a.pdf") == b"words"


def test_file_system_that_renames_is_let_to(target, monkeypatch):
    fs = LocalFileSystem()
    monkeypatch.setattr(fs, "cp_file", None)
    RenamedFile(fs, str(target)).finish()

    assert target.exists()


# -- writers ----------------------------------------------------------------------------------


@pytest.fixture(params=["folder", "memory", "s3"])
def place(request, tmp_path, store):
    urls = {"folder": tmp_path.as_uri(), "memory": f"memory://{uuid4()}", "s3": "s3://files/in"}
    return Place(urls[request.param])


def test_writer_knows_what_was_written_so_far(place):
    writer = Writer(place, f"{place.root}/results/c1/a b.pdf")
    assert (writer.size, writer.sha256) == (0, hashlib.sha256(b"").hexdigest())
    writer.write(b"one ")
    writer.write(b"two")
    digest = hashlib.sha256(b"one two").hexdigest()

    assert (writer.size, writer.sha256) == (7, digest)
    assert writer.uri == f"{place.url}/results/c1/a b.pdf"
    assert writer.file == StoredFile("a b.pdf", writer.uri, 7, digest)
    writer.finish()
    assert place.fs.cat_file(f"{place.root}/results/c1/a b.pdf", start=0, end=9) == b"one two"


@pytest.mark.parametrize("word", ["put", "part", "begin"])
def test_fault_of_a_store_is_told_by_whatever_meets_it(store, word):
    store.faults[word] = PermissionError("hush")
    writer = Writer(Place("s3://files/in"), "files/in/a.bin")
    act = writer.finish if word == "put" else lambda: writer.write(bytes(6 * 1024 * 1024))
    with pytest.raises(StorageError, match=r"^Can't write to the storage \(s3://files/in\): perm"):
        act()
    writer.abandon()


def test_folder_that_can_not_be_made_is_told(tmp_path):
    (tmp_path / "files").write_text("in the way")
    with pytest.raises(StorageError, match="Can't write to the storage"):
        Writer(Place(f"{tmp_path}/files"), f"{tmp_path}/files/a.pdf")


def test_whole_file_is_recorded(place):
    file = write_whole(place, f"{place.root}/a.pdf", [b"one ", b"two"])

    assert file == StoredFile(
        "a.pdf", f"{place.url}/a.pdf", 7, hashlib.sha256(b"one two").hexdigest()
    )


@pytest.mark.parametrize("word", ["put", "complete"])
def test_file_that_can_not_appear_is_given_up(store, word):
    store.faults[word] = RuntimeError("away")
    size = 5 if word == "put" else 6 * 1024 * 1024
    with pytest.raises(StorageError):
        write_whole(Place("s3://files/in"), "files/in/a.pdf", [bytes(size)])

    assert store.objects == {}
    assert [each[0] for each in store.asked].count("abort") == (word == "complete")
