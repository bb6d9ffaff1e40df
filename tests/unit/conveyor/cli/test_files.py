from __future__ import annotations

import hashlib
import os
import stat

import pytest

from conveyor.cli import files
from conveyor.domain.conversion import Conversion, State, StoredFile
from conveyor.errors import InvalidRequest, StorageError
from conveyor.storage import Storage


@pytest.fixture
def storage(tmp_path) -> Storage:
    return Storage((tmp_path / "storage").as_uri())


@pytest.fixture
def out(tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


@pytest.fixture
def conversion(storage) -> Conversion:
    stored = storage.save("some-id", "a.b.pdf", [b"%PDF ", b"content"])
    return Conversion("some-id", State.SUCCEEDED, "docx", "pdf", files=(stored,))


def test_a_file_arrives_whole_and_alone(conversion, storage, out):
    assert files.fetch(conversion, storage, out, replace=False) == [out / "a.b.pdf"]
    assert [path.name for path in out.iterdir()] == ["a.b.pdf"]
    assert (out / "a.b.pdf").read_bytes() == b"%PDF content"


@pytest.mark.skipif(os.name == "nt", reason="POSIX modes")
def test_a_file_gets_the_mode_that_the_user_has_set(conversion, storage, out):
    mask = os.umask(0o027)
    try:
        (path,) = files.fetch(conversion, storage, out, replace=False)
    finally:
        os.umask(mask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_file_of_the_same_name_is_left_alone(conversion, storage, out):
    (out / "a.b.pdf").write_text("mine")
    (out / "a.b-1.pdf").write_text("mine too")
    assert files.fetch(conversion, storage, out, replace=False) == [out / "a.b-2.pdf"]
    assert (out / "a.b.pdf").read_text() == "mine"


def test_a_file_of_the_same_name_is_replaced_when_told(conversion, storage, out):
    (out / "a.b.pdf").write_text("mine")
    assert files.fetch(conversion, storage, out, replace=True) == [out / "a.b.pdf"]
    assert (out / "a.b.pdf").read_bytes() == b"%PDF content"


def test_a_name_never_leaves_the_folder(storage, out):
    stored = storage.save("some-id", "x", [b"x"])
    evil = StoredFile("../../evil", stored.uri, stored.size, stored.sha256)
    conversion = Conversion("some-id", State.SUCCEEDED, "docx", "pdf", files=(evil,))
    (path,) = files.fetch(conversion, storage, out, replace=False)
    assert path == out / "evil"


def test_a_changed_file_is_refused_and_leaves_nothing(storage, out):
    stored = storage.save("some-id", "x", [b"x"])
    other = hashlib.sha256(b"y").hexdigest()
    changed = StoredFile("x", stored.uri, stored.size, other)
    conversion = Conversion("some-id", State.SUCCEEDED, "docx", "pdf", files=(changed,))
    with pytest.raises(StorageError, match="has changed since Conveyor stored it"):
        files.fetch(conversion, storage, out, replace=False)
    assert not list(out.iterdir())


def test_a_missing_file_leaves_nothing(storage, out):
    gone = storage.save("some-id", "x", [b"x"])
    storage.remove_results("some-id")
    conversion = Conversion("some-id", State.SUCCEEDED, "docx", "pdf", files=(gone,))
    with pytest.raises(StorageError, match="no longer in the storage"):
        files.fetch(conversion, storage, out, replace=False)
    assert not list(out.iterdir())


def test_a_folder_that_can_not_be_written_says_where_the_result_lies(conversion, storage, out):
    out.rmdir()
    out.touch()
    with pytest.raises(StorageError, match=r"Choose another folder with --out.*is at file://"):
        files.fetch(conversion, storage, out, replace=False)


def test_check_folder_makes_it_and_leaves_nothing(tmp_path):
    files.check_folder(tmp_path / "a" / "b")
    assert not list((tmp_path / "a" / "b").iterdir())


def test_check_folder_refuses_what_is_none(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(
        InvalidRequest, match=r"Choose another folder with --out.*Nothing was started"
    ):
        files.check_folder(tmp_path / "file")
