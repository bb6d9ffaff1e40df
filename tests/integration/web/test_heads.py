"""What comes before a request is whole: bounded in bytes and in time."""

from __future__ import annotations

import socket
import time
from contextlib import closing, contextmanager, suppress
from http.client import HTTPResponse
from urllib.parse import urlsplit

import pytest

from web import bounds

GET = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n"


@contextmanager
def _connected(site):
    target = urlsplit(site.url)
    with closing(socket.create_connection((target.hostname, target.port), timeout=60)) as client:
        yield client


def _flood(client, piece, most_bytes):
    """How many bytes were taken before the connection was ended; at most so many are sent."""
    sent = 0
    with suppress(BrokenPipeError, ConnectionResetError):
        while sent < most_bytes:
            sent += client.send(piece)
    return sent


@pytest.mark.parametrize(
    "piece",
    [b"x" * 8192, b"X-More: 1\r\n" * 700],
    ids=["one header without an end", "headers without an end"],
)
def test_a_head_without_an_end_is_refused(site, piece):
    most_bytes = 64 * 1024 * 1024
    with _connected(site) as client:
        client.sendall(GET + b"X-Long: ")
        assert _flood(client, piece, most_bytes) < most_bytes

    assert site.get("/healthz").status_code == 200


def test_a_head_that_is_too_large_is_reported(site, heard):
    with _connected(site) as client:
        client.sendall(GET + b"X-Long: " + b"x" * bounds.MOST_HEAD_BYTES)
        assert heard(client).startswith(b"HTTP/1.1 431 ")


def test_a_chunk_without_an_end_is_refused(site):
    """Its extensions are neither head nor body."""
    most_bytes = 64 * 1024 * 1024
    with _connected(site) as client:
        client.sendall(
            GET.replace(b"GET /healthz", b"POST /conversions?to=pdf&name=a.docx")
            + b"Transfer-Encoding: chunked\r\n\r\n5;"
        )
        assert _flood(client, b"x" * 8192, most_bytes) < most_bytes


@pytest.mark.parametrize("begun", [b"", b"G", GET], ids=["nothing", "a letter", "half of a head"])
def test_a_head_that_does_not_come_is_not_waited_for(site, heard, begun, monkeypatch):
    monkeypatch.setattr(bounds, "HEAD_S", 0.5)
    start = time.monotonic()
    with _connected(site) as client:
        client.sendall(begun)
        assert heard(client).startswith(b"HTTP/1.1 408 ")

    assert time.monotonic() - start > 0.4


def test_the_next_head_is_not_waited_for_either(site, heard, monkeypatch):
    with _connected(site) as client:
        client.sendall(GET + b"\r\n")
        assert client.recv(4096).startswith(b"HTTP/1.1 200 ")
        monkeypatch.setattr(bounds, "HEAD_S", 0.5)
        client.sendall(GET)
        assert b"HTTP/1.1 408 " in heard(client)


def test_requests_on_one_connection_are_counted_each_for_itself(site):
    head = GET + b"X-Long: " + b"x" * 30_000 + b"\r\n\r\n"
    with _connected(site) as client:
        for _ in range(5):
            client.sendall(head)
            with HTTPResponse(client) as answer:
                answer.begin()
                assert (answer.status, answer.read()) == (200, b'{"status":"ok"}')


def test_a_head_may_come_slowly(site):
    with _connected(site) as client:
        for byte in GET + b"\r\n":
            client.sendall(bytes([byte]))
        assert client.recv(4096).startswith(b"HTTP/1.1 200 ")
