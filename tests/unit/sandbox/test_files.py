import hashlib

import pytest

from convertapi_sandbox.file_store import FileStore
from convertapi_sandbox.files import safe_name


@pytest.fixture
def now():
    return [0.0]


@pytest.fixture
def store(tmp_path, now):
    return FileStore(tmp_path, ttl_s=10, clock=lambda: now[0])


def kept(store, content=b"abc", name="a.txt"):
    with store.writer() as writer:
        writer.write(content)
        return writer.finish(name)


def test_a_finished_file_is_found_with_size_and_digest(store):
    file = kept(store)
    assert store.find(file.id) == file
    assert (file.size, file.digest) == (3, hashlib.sha256(b"abc").hexdigest())
    assert file.path.read_bytes() == b"abc"


def test_an_unfinished_file_leaves_nothing(store, tmp_path):
    with store.writer() as writer:
        writer.write(b"abc")
    assert list(tmp_path.iterdir()) == []


def test_files_expire_from_disk_too(store, now, tmp_path):
    file = kept(store)
    now[0] = 10
    assert store.find(file.id) is None
    assert list(tmp_path.iterdir()) == []


def test_removal_works_once(store):
    file = kept(store)
    assert store.remove(file.id)
    assert not store.remove(file.id)
    assert not file.path.exists()


def test_an_adopted_file_outlives_its_source(store, tmp_path):
    source = tmp_path / "source"
    source.write_bytes(b"abc")
    file = store.adopt(source, "a.bin", 3, "digest")
    source.unlink()
    assert file.path.read_bytes() == b"abc"


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("a.docx", "a.docx"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\x\\a.docx", "a.docx"),
        ("отчёт 漢字.docx", "отчёт 漢字.docx"),
        ("a\r\nSet-Cookie: x.txt", "aSet-Cookie: x.txt"),
        ("..", ""),
        ("", ""),
        ("/", ""),
    ],
)
def test_safe_names(given, name):
    assert safe_name(given) == name


def test_long_names_keep_their_extension():
    name = safe_name("x" * 500 + ".docx")
    assert len(name) == 120
    assert name.endswith("x.docx")
