"""A connection ends in bounded time, whatever the client leaves unsent or unread."""

from __future__ import annotations

import socket
import time
from contextlib import ExitStack, closing
from urllib.parse import urlsplit

import pytest

from conveyor import Failure, FailureKind
from web import bounds

HEAD = b" HTTP/1.1\r\nHost: 127.0.0.1\r\n"
HEALTH = b"GET /healthz" + HEAD + b"\r\n"
# What a connection may take to its end, on a machine that is busy with other things.
PATIENCE_S = 30


@pytest.fixture
def connect(site):
    with ExitStack() as open_ones:

        def make(place=site):
            target = urlsplit(place.url)
            client = socket.create_connection((target.hostname, target.port), timeout=PATIENCE_S)
            return open_ones.enter_context(closing(client))

        yield make


@pytest.fixture
def linger_shortly(monkeypatch):
    monkeypatch.setattr(bounds, "LINGER_S", 0.3)


def _trickle(client):
    """Send a byte of a body now and then, until the other end has had enough."""
    start = time.monotonic()
    while time.monotonic() - start < PATIENCE_S:
        try:
            client.sendall(b"x")
        except OSError:
            return
        time.sleep(0.05)
    pytest.fail("the connection is still open")


@pytest.mark.parametrize(
    "call",
    [
        (b"POST /nothing", b"404"),
        (b"POST /healthz", b"405"),
        (b"POST /conversions?to=pdf&more=1", b"422"),
        (b"POST /conversions?to=pdf", b"422"),
        (b"GET /healthz", b"200"),
        (b"DELETE /conversions/nothing", b"404"),
        (b"POST /webhooks/a/b", b"404"),
    ],
)
@pytest.mark.parametrize("body", [b"Content-Length: 1000000", b"Transfer-Encoding: chunked"])
def test_an_answer_before_its_body_ends_the_connection(connect, heard, linger_shortly, call, body):
    line, status = call
    client = connect()
    client.sendall(line + HEAD + body + b"\r\n\r\n")
    answer = heard(client)

    assert answer.startswith(b"HTTP/1.1 " + status)
    assert b"\r\nconnection: close\r\n" in answer.lower()
    _trickle(client)


def test_a_body_without_a_key_ends_the_connection(serve, connect, heard, linger_shortly):
    client = connect(serve(has_key=True))
    client.sendall(b"POST /conversions" + HEAD + b"Content-Length: 9\r\n\r\n1")

    assert heard(client).startswith(b"HTTP/1.1 401 ")
    _trickle(client)


def test_a_body_that_is_refused_whole_leaves_the_connection_open(connect):
    client = connect()
    for _ in range(3):
        client.sendall(b"POST /nothing" + HEAD + b"Content-Length: 5\r\n\r\n12345")
        assert client.recv(4096).startswith(b"HTTP/1.1 404 ")


def test_client_that_sends_before_reading_is_detected(connect, heard):
    """A close with bytes unread is a reset, which overtakes the answer."""
    client = connect()
    client.sendall(b"POST /conversions?more=1" + HEAD + b"Content-Length: 4000000\r\n\r\n")
    client.sendall(b"x" * 4_000_000)

    assert heard(client).startswith(b"HTTP/1.1 422 ")


def test_client_that_expects_100_continue_gets_it(connect, heard):
    client = connect()
    client.sendall(
        b"POST /nothing" + HEAD + b"Expect: 100-continue\r\nContent-Length: 4000000\r\n\r\n"
    )

    assert heard(client).startswith(b"HTTP/1.1 404 ")


def test_requests_after_the_last_answer_are_not_served(connect, heard, linger_shortly):
    client = connect()
    client.sendall(b"POST /nothing" + HEAD + b"Content-Length: 9\r\n\r\n")
    answer = client.recv(4096)
    client.sendall(b"123456789" + HEALTH)

    assert (answer + heard(client)).count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize("method", [b"GET", b"CONNECT", b"POST"])
def test_an_upgrade_ends_in_bounded_time(connect, linger_shortly, method):
    client = connect()
    client.sendall(
        method + b" /healthz" + HEAD + b"Upgrade: h2c\r\nConnection: Upgrade\r\n"
        b"Content-Length: 9\r\n\r\n1"
    )
    assert client.recv(4096).startswith(b"HTTP/1.1 ")
    _trickle(client)


@pytest.mark.parametrize("ahead", [2, 10])
def test_requests_sent_ahead_are_answered_in_turn(connect, heard, ahead):
    client = connect()
    client.sendall(HEALTH * (ahead - 1) + HEALTH[:-2] + b"Connection: close\r\n\r\n")

    assert heard(client).count(b"HTTP/1.1 200 ") == ahead


def test_a_flood_of_requests_sent_ahead_ends_the_connection(connect, heard, site):
    client = connect()
    client.sendall(HEALTH * 1000)

    assert heard(client).count(b"HTTP/1.1 ") <= bounds.MOST_PIPELINED + 1
    assert site.get("/healthz").status_code == 200


def test_invalid_http_is_answered_with_400(connect, heard):
    client = connect()
    client.sendall(b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n")

    assert heard(client).startswith(b"HTTP/1.1 400 ")


def test_too_many_headers_are_refused(connect, heard):
    client = connect()
    client.sendall(HEALTH[:-2] + b"a: b\r\n" * 5000 + b"\r\n")

    assert heard(client).startswith(b"HTTP/1.1 431 ")


def test_silent_connections_make_room_for_others(serve, connect, heard):
    site = serve(web_connections=16)
    silent = [connect(site) for _ in range(40)]

    assert site.get("/healthz").status_code == 200
    assert heard(silent[0]) == b""


def test_a_connection_too_many_is_reported(serve, connect, heard, make):
    """Event streams can't be taken from those who listen."""
    site = serve(web_connections=16)
    follow = (
        f"GET /conversions/{make.converting(confirmed=True).id}/events".encode() + HEAD + b"\r\n"
    )
    listening = [connect(site) for _ in range(16)]
    for client in listening:
        client.sendall(follow)
        assert client.recv(4096).startswith(b"HTTP/1.1 200 ")
    client = connect(site)
    client.sendall(HEALTH)

    assert heard(client).startswith(b"HTTP/1.1 503 ")


def test_pipelined_connection_is_not_silent(*, serve, connect, heard, make, ledger):
    site = serve(web_connections=16)
    entry = make.converting(confirmed=True)
    follow = f"GET /conversions/{entry.id}/events".encode() + HEAD + b"Connection: close\r\n\r\n"
    client = connect(site)
    client.sendall(HEALTH + follow)
    answer = b""
    while b"event-stream" not in answer:
        answer += client.recv(4096)
        assert answer
    _silent = [connect(site) for _ in range(40)]
    assert site.get("/healthz").status_code == 200
    ledger.failed(entry, Failure(FailureKind.INPUT, "File is damaged.", 5002))

    assert b'"state": "failed"' in heard(client)


def test_unread_answer_is_given_up(serve, connect, converted, monkeypatch):
    monkeypatch.setattr(bounds, "READ_S", 0.3)
    conversion_id = converted(content=b"0" * 30_000_000)
    site = serve()
    client = connect(site)
    client.sendall(f"GET /conversions/{conversion_id}/files/a.pdf".encode() + HEAD + b"\r\n")
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        try:
            client.send(b"\r\n")
        except OSError:
            return
        time.sleep(0.1)
    pytest.fail("the connection is still open")
