"""Result files that come short, in parts, or not at all."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from conveyor.convertapi.errors import ComeLater, Overdue, Refused, Unclear
from conveyor.domain.answers import RemoteFile
from conveyor.errors import StorageError
from conveyor.storage import Storage
from workers.downloads import fetch

CONTENT = bytes(range(256)) * 64
SIZE = len(CONTENT)
TAG = '"v1"'


@pytest.fixture
def storage(tmp_path):
    return Storage(str(tmp_path))


@pytest.fixture
def bring(server, api, storage):
    def call(size=SIZE, most=1 << 20, client=None):
        remote = RemoteFile("a.pdf", f"{server.url}/d/x", size)
        return fetch(client or api, storage, "c1", remote, "a.pdf", most)

    return call


@pytest.fixture
def whole(say):
    return say(200, CONTENT, f"ETag: {TAG}")


@pytest.fixture
def half(say):
    """A download that breaks off."""
    return say(200, CONTENT[:5000], f"ETag: {TAG}", length=SIZE)


def _rest(say, start=5000, total=SIZE, tag=TAG):
    told = f"Content-Range: bytes {start}-{SIZE - 1}/{total}"
    return say(206, CONTENT[start:], told, f"ETag: {tag}")


def _ranges(server):
    return [request.headers.get("range") for request in server.requests]


def _stored(storage):
    return [path.name for path in _folder(storage).rglob("*") if path.is_file()]


def _folder(storage):
    return Path(storage.location.removeprefix("file://"))


def _check(fetched, storage, content=CONTENT):
    assert b"".join(storage.read(fetched.file.uri)) == content
    assert fetched.file.name == "a.pdf"
    assert fetched.file.size == len(content)
    assert fetched.file.sha256 == hashlib.sha256(content).hexdigest()
    assert _stored(storage) == ["a.pdf"]


@pytest.mark.parametrize("size", [SIZE, None])
def test_whole_download_is_stored_immediately(*, server, bring, storage, whole, size):
    server.answer(whole)
    fetched = bring(size)

    _check(fetched, storage)
    assert fetched.note == ""
    assert len(server.requests) == 1


def test_broken_download_continues_where_it_broke_off(server, bring, storage, say, half):
    server.answer(half)
    server.answer(_rest(say))

    _check(bring(), storage)
    assert _ranges(server) == [None, "bytes=5000-"]
    assert server.requests[1].headers["if-range"] == TAG


def test_broken_download_begins_again_where_the_service_knows_no_ranges(
    server, bring, storage, whole, half
):
    server.answer(half)
    server.answer(whole)

    _check(bring(), storage)
    assert _ranges(server) == [None, "bytes=5000-"]


@pytest.mark.parametrize(
    "other", [{"start": 4000}, {"total": SIZE + 1}, {"tag": '"v2"'}, {"total": "*"}], ids=str
)
def test_part_of_another_version_is_not_taken(*, server, bring, storage, say, whole, half, other):
    server.answer(half)
    server.answer(_rest(say, **other))
    server.answer(whole)
    server.answer(whole)

    _check(bring(), storage)


def test_range_that_is_not_satisfiable_begins_again(*, server, bring, storage, say, whole, half):
    server.answer(half)
    server.answer(say(416))
    server.answer(whole)

    _check(bring(), storage)


def test_short_download_that_looks_whole_is_fetched_again(server, bring, storage, say, whole):
    server.answer(say(200, CONTENT[:5000]))
    server.answer(whole)
    fetched = bring()

    _check(fetched, storage)
    assert fetched.note == ""
    assert _ranges(server) == [None, None]


def test_two_downloads_that_agree_outvote_the_size_that_was_said(server, bring, storage, whole):
    server.answer(whole)
    fetched = bring(SIZE + 1)

    _check(fetched, storage)
    assert len(server.requests) == 2
    assert str(SIZE) in fetched.note
    assert str(SIZE + 1) in fetched.note


def test_downloads_that_never_agree_are_refused(server, bring, storage, say):
    for length in range(1, 7):
        server.answer(say(200, CONTENT[:length]))
    with pytest.raises(Unclear, match=f"and the file {SIZE}"):
        bring()

    assert _stored(storage) == []
    assert len(server.requests) == 5


def test_download_without_a_length_that_was_cut_continues(server, bring, storage, say):
    head = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
    server.answer(head + CONTENT[:5000])
    told = f"Content-Range: bytes 5000-{SIZE - 1}/*"
    server.answer(say(206, CONTENT[5000:], told))

    _check(bring(), storage)


def test_head_that_breaks_off_is_not_an_empty_file(server, bring, storage, whole):
    server.answer(b"HTTP/1.1 200 OK\r\nConnection: close\r\n")
    server.answer(whole)

    _check(bring(None), storage)


def test_empty_file_is_stored(server, bring, storage, say):
    server.answer(say(200, b""))

    _check(bring(0), storage, b"")


def test_connection_that_always_breaks_is_given_up_and_leaves_nothing(
    server, bring, storage, half, marks
):
    server.answer(half, marks["reset"])
    server.answer(marks["reset"])
    with pytest.raises(Unclear):
        bring()

    assert len(server.requests) == 5
    assert _stored(storage) == []


def test_slow_download_continues_by_ranges_after_each_deadline(
    *, server, bring, storage, say, half, marks, api_of
):
    server.answer(half, marks["hang"])
    server.answer(_rest(say))

    _check(bring(client=api_of(server.url, read=60.0, transfer=1.0)), storage)


def test_slow_download_without_ranges_names_the_setting(server, bring, half, marks, api_of):
    server.answer(half, marks["hang"])
    with pytest.raises(Overdue, match="CONVEYOR_TRANSFER_TIMEOUT_SECONDS"):
        bring(client=api_of(server.url, read=60.0, transfer=1.0))

    assert "bytes=5000-" in _ranges(server)


@pytest.mark.parametrize(
    ("status", "error"),
    [(503, ComeLater), (429, ComeLater), (404, Refused), (403, Refused), (410, Refused)],
)
def test_refused_download_is_not_repeated_immediately(*, server, bring, say, status, error):
    server.answer(say(status, b"", "Retry-After: 9"))
    with pytest.raises(error) as raised:
        bring()

    assert len(server.requests) == 1
    if error is ComeLater:
        assert raised.value.retry_after_s == 9


@pytest.mark.parametrize("size", [SIZE, None])
def test_file_that_is_too_large_names_the_setting(*, server, bring, storage, whole, size):
    server.answer(whole)
    with pytest.raises(StorageError, match="CONVEYOR_MAX_FILE_BYTES"):
        bring(size, most=SIZE - 1)

    assert _stored(storage) == []
