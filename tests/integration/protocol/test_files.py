from __future__ import annotations

import time
import tracemalloc
from contextlib import contextmanager
from itertools import repeat

import pytest

from conveyor.convertapi.errors import Refused, Unclear, WrongHost

MIB = 1024 * 1024


class Endless:
    """A stream of zeros with a known end, which counts what is asked of it at once."""

    def __init__(self, size):
        self.size = size
        self.at = 0
        self.largest_read = 0

    def read(self, size=-1):
        wanted = self.size - self.at if size < 0 else min(size, self.size - self.at)
        self.largest_read = max(self.largest_read, wanted)
        self.at += wanted
        return bytes(wanted)

    def seek(self, offset, whence=0):
        self.at = offset + (0, self.at, self.size)[whence]
        return self.at

    def tell(self):
        return self.at


def _opened(stream):
    @contextmanager
    def opening():
        stream.seek(0)
        yield stream

    return opening


def test_an_upload_is_streamed(server, api_of, say):
    stream = Endless(64 * MIB)
    server.answer(say(200, b'{"FileId": "f1"}'))
    api = api_of(server.url)
    tracemalloc.start()
    try:
        assert api.upload("big.docx", _opened(stream)) == "f1"
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    (request,) = server.requests
    assert request.body_size == 64 * MIB
    # A known length, so that no proxy on the way has to guess.
    assert request.headers["content-length"] == str(64 * MIB)
    assert stream.largest_read <= MIB
    assert peak < 8 * MIB


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("a.docx", "attachment; filename*=UTF-8''a.docx"),
        ("Ä b.docx", "attachment; filename*=UTF-8''%C3%84%20b.docx"),
        ('a";\r\nX: y.docx', "attachment; filename*=UTF-8''a%22%3B%0D%0AX%3A%20y.docx"),
    ],
    ids=ascii,
)
def test_an_upload_tells_the_name_and_nothing_more(server, api, say, name, header):
    server.answer(say(200, b'{"FileId": "f1"}'))
    api.upload(name, _opened(Endless(10)))

    (request,) = server.requests
    assert request.line == "POST /upload HTTP/1.1"
    assert request.headers["content-disposition"] == header
    assert "x" not in request.headers


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (200, b"", Unclear),
        (200, b'{"FileId": null}', Unclear),
        (301, b"", Unclear),
        (502, b"<html>", Unclear),
        (401, b'{"Code": 4013, "Message": "Who?"}', Refused),
    ],
    ids=str,
)
def test_an_upload_without_a_file_id_is_none(*, server, api, say, status, body, error):
    server.answer(say(status, body))
    with pytest.raises(error):
        api.upload("a.docx", _opened(Endless(10)))


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_upload_that_is_redirected_is_refused_and_the_other_host_hears_nothing(
    *, server, other_server, api, say, status
):
    other_server.answer(say(200, b'{"FileId": "f1"}'))
    server.answer(say(status, b"", f"Location: {other_server.url}/upload"))
    with pytest.raises(Unclear):
        api.upload("a.docx", _opened(Endless(10)))

    assert other_server.requests == []
    assert {request.line for request in server.requests} == {"POST /upload HTTP/1.1"}


CUT_CHUNK = b"HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf"


def _download(api, url):
    with api.download(url) as file:
        return b"".join(file.chunks)


def test_a_download_is_read_without_credentials(server, api, say, secret):
    server.answer(say(200, b"%PDF", kind="application/pdf"))

    assert _download(api, f"{server.url}/d/x") == b"%PDF"
    assert secret not in server.requests[0].line + str(server.requests[0].headers)


def test_a_download_is_streamed(server, api_of, say):
    server.answer(say(200, b"", length=32 * MIB), *repeat(bytes(MIB), 32))
    largest = size = 0
    with api_of(server.url, transfer=60.0).download(f"{server.url}/d/x") as file:
        for chunk in file.chunks:
            largest, size = max(largest, len(chunk)), size + len(chunk)

    assert size == 32 * MIB
    assert largest <= MIB


@pytest.mark.parametrize("how", ["cut", "reset", "hangs", "chunk", "404", "500", "202", "empty"])
def test_a_download_is_whole_or_an_error(server, api_of, say, marks, how):
    server.answer(
        *{
            "cut": [say(200, b"half", length=1000)],
            "reset": [say(200, b"half", length=1000), marks["reset"]],
            "hangs": [say(200, b"half", length=1000), marks["hang"]],
            "chunk": [CUT_CHUNK],
            "404": [say(404)],
            "500": [say(500)],
            "202": [say(202)],
            "empty": [b""],
        }[how]
    )
    api = api_of(server.url, read=1.0) if how == "hangs" else api_of(server.url)
    with pytest.raises(Refused if how == "404" else Unclear):
        _download(api, f"{server.url}/d/x")


def test_a_deadline_bounds_a_download_that_dribbles(server, api_of, say):
    server.answer(say(200, b"", length=1000), *(part for _ in range(1000) for part in (b".", 0.05)))
    begun = time.monotonic()
    with pytest.raises(Unclear, match="not whole after"):
        _download(api_of(server.url, transfer=2.0), f"{server.url}/d/x")

    assert time.monotonic() - begun < 30


def test_a_redirect_within_the_service_is_followed(server, api, say):
    server.answer(say(302, b"", "Location: /elsewhere"))
    server.answer(say(200, b"%PDF"))

    assert _download(api, f"{server.url}/d/x") == b"%PDF"
    assert server.requests[1].line.startswith("GET /elsewhere ")


ELSEWHERE = (
    "http://127.0.0.1:1/metadata",
    "http://169.254.169.254/latest/meta-data",
    "https://convertapi.com.example.com/d/x",
    "https://evilconvertapi.com/d/x",
    "http://v2.convertapi.com/d/x",
    "file:///etc/passwd",
    "//127.0.0.1:1/x",
    "http://[broken/x",
)


@pytest.mark.parametrize("target", ELSEWHERE)
def test_no_redirect_leads_away_from_the_service(server, api, say, target):
    """A worker must not be made to fetch from its own network."""
    server.answer(say(302, b"", f"Location: {target}"))
    with pytest.raises(WrongHost, match="not ConvertAPI's"):
        _download(api, f"{server.url}/d/x")

    assert len(server.requests) == 1


@pytest.mark.parametrize("way", ["redirect", "result"])
def test_a_host_that_is_not_the_services_hears_nothing(server, other_server, api, say, way):
    other_server.answer(say(200, b"of your own network"))
    server.answer(say(302, b"", f"Location: {other_server.url}/metadata"))
    with pytest.raises(Unclear, match="not ConvertAPI's"):
        _download(api, f"{server.url}/d/x" if way == "redirect" else other_server.url)

    assert other_server.requests == []


@pytest.mark.parametrize("target", ELSEWHERE)
def test_no_result_lies_elsewhere(api, target):
    with pytest.raises(WrongHost, match="not ConvertAPI's"):
        _download(api, target)


def test_redirects_are_bounded(server, api, say):
    server.answer(say(302, b"", "Location: /again"))
    with pytest.raises(Unclear, match="too often"):
        _download(api, f"{server.url}/d/x")

    assert len(server.requests) <= 5
