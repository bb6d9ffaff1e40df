from __future__ import annotations

import hashlib
import unicodedata
from dataclasses import replace
from pathlib import Path
from secrets import token_hex
from uuid import uuid4

import fsspec
import pytest

from conveyor.errors import FileGone, InvalidRequest, StorageError
from conveyor.storage import Storage, chunks_of


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "files"


@pytest.fixture
def local(folder):
    return Storage(folder.as_uri())


@pytest.fixture(params=["local", "memory"])
def storage(request, folder):
    if request.param == "local":
        return Storage(folder.as_uri())
    return Storage(f"memory://{uuid4().hex}")


def _all_files(storage):
    fs, root = fsspec.core.url_to_fs(storage.location)
    return fs.find(root) if fs.exists(root) else []


# -- results ----------------------------------------------------------------------------------


def test_a_stored_file_is_what_was_given(storage):
    chunks = [b"one ", b"", b"two"]
    stored = storage.save("c1", "a.pdf", iter(chunks))

    assert b"".join(storage.read(stored.uri)) == b"one two"
    assert (stored.name, stored.size) == ("a.pdf", 7)
    assert stored.sha256 == hashlib.sha256(b"one two").hexdigest()
    assert stored.uri.endswith("/results/c1/a.pdf")


def test_an_empty_result_is_stored_too(storage):
    stored = storage.save("c1", "a.txt", [])

    assert stored.size == 0
    assert b"".join(storage.read(stored.uri)) == b""


def _breaks(error):
    yield b"half of"
    raise error


@pytest.mark.parametrize(
    "error",
    [ValueError("cut"), StorageError("cut"), KeyboardInterrupt(), GeneratorExit()],
    ids=repr,
)
def test_nothing_is_left_of_a_file_that_did_not_come_whole(storage, error):
    with pytest.raises(type(error)):
        storage.save("c1", "a.pdf", _breaks(error))

    assert _all_files(storage) == []


def test_a_file_that_breaks_leaves_the_one_before_it_alone(storage):
    stored = storage.save("c1", "a.pdf", [b"whole"])
    with pytest.raises(ValueError, match="cut"):
        storage.save("c1", "a.pdf", _breaks(ValueError("cut")))

    assert b"".join(storage.read(stored.uri)) == b"whole"
    assert len(_all_files(storage)) == 1


def test_a_second_save_takes_the_place_of_the_first(storage):
    storage.save("c1", "a.pdf", [b"first"])
    stored = storage.save("c1", "a.pdf", [b"second"])

    assert b"".join(storage.read(stored.uri)) == b"second"
    assert len(_all_files(storage)) == 1


def test_until_it_is_whole_a_file_is_not_seen_under_its_name(storage):
    seen = []

    def chunks():
        yield b"half"
        seen.extend(Path(path).name for path in _all_files(storage))
        yield b"half"

    storage.save("c1", "a.pdf", chunks())

    assert "a.pdf" not in seen
    assert [Path(path).name for path in _all_files(storage)] == ["a.pdf"]


def test_file_whose_life_was_over_has_no_url(storage):
    stored = replace(storage.save("c1", "a.pdf", [b"paid"]), removed_at=1_700_000_000.0)

    with pytest.raises(FileGone, match="its life was over"):
        storage.url(stored)


def test_a_file_that_is_gone_can_not_be_read(storage):
    storage.save("c1", "a.pdf", [b"there"])
    with pytest.raises(FileGone, match="no longer in the storage"):
        list(storage.read(f"{storage.location}/results/c1/gone.pdf"))


def test_big_files_are_read_piece_by_piece(storage):
    size = 5 * 1024 * 1024
    stored = storage.save("c1", "a.bin", [bytes(size)])
    pieces = [len(chunk) for chunk in storage.read(stored.uri)]

    assert sum(pieces) == size
    assert max(pieces) <= 1024 * 1024


def test_a_storage_that_can_not_be_written_says_so_in_one_line(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    with pytest.raises(StorageError, match="CONVEYOR_STORAGE_URL") as raised:
        Storage((blocked / "files").as_uri()).save("c1", "a", [b"x"])

    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("url", ["nosuch://bucket", "s3a1://x"])
def test_a_storage_of_an_unknown_kind_is_refused(url):
    with pytest.raises(StorageError, match="Can't open the storage"):
        Storage(url)


def test_a_check_leaves_nothing(storage):
    storage.check()

    assert _all_files(storage) == []


def test_a_probe_is_there_for_as_long_as_it_is_needed(storage):
    with storage.probe() as uri:
        assert b"".join(storage.read(uri)) == b"ok"

    assert _all_files(storage) == []


# -- sources ----------------------------------------------------------------------------------


@pytest.fixture
def document(tmp_path):
    path = tmp_path / "home" / "Ä letter.docx"
    path.parent.mkdir()
    path.write_bytes(b"words")
    return path


def _staged(storage, document):
    writer = storage.stage(token_hex(16), document.name)
    writer.write(document.read_bytes())
    writer.finish()
    return writer.uri


def test_a_staged_file_is_a_copy_that_workers_can_open(storage, document):
    uri = _staged(storage, document)

    assert uri.endswith("/Ä letter.docx")
    with storage.open_source(uri) as stream:
        assert b"".join(chunks_of(stream)) == b"words"
    assert document.exists()


def test_the_same_file_can_be_staged_twice(storage, document):
    assert _staged(storage, document) != _staged(storage, document)


def _open(storage, uri):
    with storage.open_source(uri) as stream:
        return stream.read()


@pytest.mark.parametrize("name", ["gone.docx", "empty.docx", "folder"])
def test_a_source_that_never_will_be_there_is_an_invalid_request(storage, name):
    """Not a fault of the storage, which would be tried again for hours."""
    storage.save("c1", "empty.docx", [])
    storage.save("c1/folder", "a.docx", [b"words"])
    with pytest.raises(InvalidRequest, match=r"does not exist|is empty|is no file"):
        _open(storage, f"{storage.location}/results/c1/{name}")


def _outside(tmp_path, folder):
    """Ways to name a file that lies outside the storage."""
    secret = tmp_path / "secret.txt"
    secret.write_text("root:x:0:0")
    folder.mkdir(exist_ok=True)
    link = folder / "link.txt"
    link.symlink_to(secret)
    (folder / "out").symlink_to(tmp_path)
    return {
        "plain": secret.as_uri(),
        "local": f"local://{secret}",
        "dots": f"{folder.as_uri()}/../secret.txt",
        "deep dots": f"{folder.as_uri()}/staged/../../secret.txt",
        "link": link.as_uri(),
        "linked folder": f"{folder.as_uri()}/out/secret.txt",
        "upper case": f"FILE://{secret}",
        "a sibling with the same beginning": _sibling(folder).as_uri(),
        "cached": f"simplecache::{secret.as_uri()}",
        "cached by a path": f"filecache::{secret}",
        "cached by blocks": f"blockcache::{secret.as_uri()}",
        "cached twice": f"simplecache::filecache::{secret.as_uri()}",
    }


def _sibling(folder):
    sibling = folder.with_name(f"{folder.name}-of-others") / "secret.txt"
    sibling.parent.mkdir()
    sibling.write_text("root:x:0:0")
    return sibling


WAYS_OUT = (
    "plain",
    "local",
    "dots",
    "deep dots",
    "link",
    "linked folder",
    "upper case",
    "a sibling with the same beginning",
    "cached",
    "cached by a path",
    "cached by blocks",
    "cached twice",
)


@pytest.mark.parametrize("way", WAYS_OUT)
def test_a_message_can_not_make_a_worker_read_its_own_files(local, tmp_path, folder, way):
    with pytest.raises(InvalidRequest, match="outside the folders") as refused:
        _open(local, _outside(tmp_path, folder)[way])

    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("storage_url", [..., "memory://files"], ids=["a folder", "memory"])
@pytest.mark.parametrize(
    "uri",
    [
        "http://169.254.169.254/latest/meta-data/",
        "https://127.0.0.1/a.txt",
        "ftp://127.0.0.1/a.txt",
        "sftp://127.0.0.1/a.txt",
        "memory://others/a.txt",
        "s3://bucket/a.txt::file:///etc/hostname",
        "file:///etc/hostname::memory://files/a.txt",
        "zip://a.txt::file:///etc/a.zip",
        "data:,secret",
        "a.txt",
    ],
)
def test_source_of_another_kind_is_refused_and_never_opened(
    tmp_path, monkeypatch, storage_url, uri
):
    storage = Storage(str(tmp_path) if storage_url is ... else storage_url)
    assert storage.contains(f"{storage.location}/a.txt")
    opened = []
    monkeypatch.setattr(fsspec, "open", lambda *asked, **_: opened.append(asked))
    monkeypatch.setattr(fsspec.core, "url_to_fs", lambda *asked, **_: opened.append(asked))
    with pytest.raises(InvalidRequest, match="outside the folders"):
        _open(storage, uri)

    assert opened == []
    assert not storage.contains(uri)


def test_a_storage_elsewhere_opens_no_local_file(tmp_path):
    storage = Storage("memory://files")
    with pytest.raises(InvalidRequest, match="outside"):
        _open(storage, _outside(tmp_path, tmp_path / "files")["plain"])


@pytest.mark.parametrize("named", ["path", "uri", "with a slash"])
def test_folders_that_are_allowed_can_be_read(folder, tmp_path, document, named):
    allowed = {
        "path": str(document.parent),
        "uri": f"file://{document.parent}",
        "with a slash": f"{document.parent}/",
    }
    storage = Storage(folder.as_uri(), [allowed[named]])

    assert _open(storage, f"file://{document}") == b"words"
    with pytest.raises(InvalidRequest, match="CONVEYOR_SOURCE_FOLDERS"):
        _open(storage, _outside(tmp_path, folder)["plain"])


@pytest.mark.parametrize(("given", "there"), [("NFC", "NFD"), ("NFD", "NFC")])
def test_both_forms_of_an_accent_name_the_same_source(local, folder, given, there):
    path = folder / unicodedata.normalize(there, "B\u00fcro/\u00c4.docx")
    path.parent.mkdir(parents=True)
    path.write_bytes(b"words")
    asked = unicodedata.normalize(given, "B\u00fcro/\u00c4.docx")

    assert _open(local, f"file://{folder}/{asked}") == b"words"


@pytest.mark.parametrize("way", WAYS_OUT)
def test_nothing_outside_the_storage_is_read(local, tmp_path, folder, way):
    """An address comes from Redis, so it is data."""
    with pytest.raises(StorageError, match="points outside the storage") as refused:
        list(local.read(_outside(tmp_path, folder)[way]))

    assert "secret" not in str(refused.value)


# -- what was staged is removed ---------------------------------------------------------------


def test_staged_files_are_removed(storage, document):
    kept = _staged(storage, document)
    storage.remove_staged([_staged(storage, document), _staged(storage, document)])

    assert len(_all_files(storage)) == 1
    assert _open(storage, kept) == b"words"


def test_nothing_but_what_was_staged_is_removed(local, folder, tmp_path, document):
    """What a message names as its source must not decide what is deleted."""
    staged = _staged(local, document)
    result = local.save("c1", "a.pdf", [b"paid"])
    loose = folder / "staged" / "loose.docx"
    loose.write_bytes(b"words")
    root = folder.as_uri()

    local.remove_staged(
        [
            f"file://{document}",
            result.uri,
            loose.as_uri(),
            f"{root}/staged",
            f"{root}/staged/",
            f"{root}/staged/../results/c1/a.pdf",
            f"{root}/staged/../../home/{document.name}",
            f"{root}/staged/x/../../../home/{document.name}",
            f"{root}/staged/{'0' * 32}/../{Path(staged).parent.name}/../loose.docx",
            "s3://bucket/staged/x/a.docx",
            "https://example.com/a.docx",
            "0123456789abcdefghijklmnopqrstuv",
            "a.docx",
            "",
        ]
    )

    assert document.read_bytes() == b"words"
    assert b"".join(local.read(result.uri)) == b"paid"
    assert loose.exists()
    assert _open(local, staged) == b"words"


def test_removing_twice_succeeds(storage, document):
    uri = _staged(storage, document)
    storage.remove_staged([uri, uri])

    assert _all_files(storage) == []


def test_a_fault_is_told_and_keeps_no_other_file_from_being_removed(local, document, monkeypatch):
    first, broken, last = (_staged(local, document) for _ in range(3))
    remove = local._remove_staged

    def fail(token, uri):
        if uri == broken:
            raise StorageError("it can't be removed")
        remove(token, uri)

    with monkeypatch.context() as patched:
        patched.setattr(local, "_remove_staged", fail)
        assert not local.remove_staged([first, broken, last])
        assert len(_all_files(local)) == 1
    assert local.remove_staged([first, broken, last])
    assert local.remove_staged([])


# -- parts of files ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "end", "part"),
    [(0, None, b"one two"), (4, None, b"two"), (0, 3, b"one"), (2, 5, b"e t"), (7, 7, b"")],
)
def test_a_part_of_a_file_is_read(storage, start, end, part):
    stored = storage.save("c1", "a.txt", [b"one two"])

    assert b"".join(storage.read(stored.uri, start, end)) == part


def test_a_file_that_is_given_up_leaves_nothing(storage):
    writer = storage.stage(token_hex(16), "a.docx")
    writer.write(b"half")
    writer.abandon()

    assert _all_files(storage) == []
