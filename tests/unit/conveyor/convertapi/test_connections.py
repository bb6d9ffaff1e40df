"""A connection's part in an exchange: what it sends, how long it waits, what it leaves open."""

from __future__ import annotations

import http.client
import io
import socket
import time
from contextlib import closing, contextmanager

import pytest
from urllib3.connection import HTTPConnection
from urllib3.exceptions import ConnectTimeoutError

from conveyor.convertapi.connections import Connection, TlsConnection
from conveyor.convertapi.deadline import Deadline
from conveyor.convertapi.exchange import CURRENT, Exchange, Lever
from conveyor.convertapi.prepared import Fields
from tests import clocks

FIELDS = Fields({"Accept": "*/*", "X-Name": "y"})
ANSWER = b"HTTP/1.1 202 Yes, later\r\nX-Name: y\r\nContent-Length: 5\r\n\r\nwords"


class FakeSocket:
    """Takes what is sent, and says one answer."""

    def __init__(self, answer=ANSWER):
        self.sent = []
        self.timeouts = []
        self.streams = []
        self.is_open = True
        self._answer = answer

    def sendall(self, data):
        self.sent.append(bytes(data))

    def settimeout(self, timeout_s):
        self.timeouts.append(timeout_s)

    def makefile(self, _mode):
        self.streams.append(io.BufferedReader(io.BytesIO(self._answer)))
        return self.streams[-1]

    def close(self):
        self.is_open = False


@contextmanager
def _under_way(total_s=3600.0, pause_s=5.0):
    with Exchange(Deadline.after(total_s, "SETTING"), pause_s) as exchange:
        token = CURRENT.set(exchange)
        try:
            yield exchange
        finally:
            CURRENT.reset(token)


@pytest.fixture
def exchange():
    with _under_way() as made:
        yield made


@pytest.fixture
def near():
    return FakeSocket()


@pytest.fixture
def connection(near):
    made = Connection("host.example", 80)
    made.sock = near
    yield made
    made.close()


@pytest.fixture
def lever():
    one, other = socket.socketpair()
    with closing(one), closing(other):
        made = Lever(one)
        yield made
        made.close()


HEAD = b"POST /a HTTP/1.1\r\nHost: host.example\r\nAccept: */*\r\nX-Name: y\r\n\r\n"


@pytest.fixture
def connects(monkeypatch):
    """Both ends of the one connection that can be made, and how often it was."""
    near, far = socket.socketpair()
    made = []

    def connect(_connection):
        made.append(near)
        return near

    monkeypatch.setattr(HTTPConnection, "_new_conn", connect)
    with closing(near), closing(far):
        yield far, made


def test_new_connection_is_held_by_its_exchange_from_the_beginning(exchange, connects):
    far, made = connects
    connection = Connection("host.example", 80)
    connection.connect()
    assert connection.sock is made[0]
    exchange.expire()

    assert far.recv(1) == b""
    connection.close()


def test_request_connects_where_there_is_no_connection(connects):
    far, made = connects
    connection = Connection("host.example", 80)
    connection.request("POST", "/a", None, FIELDS)
    far.settimeout(60)

    assert far.recv(1000) == HEAD
    assert len(made) == 1
    connection.close()


def test_connection_that_is_late_to_begin_is_not_made(connects):
    _, made = connects
    with _under_way() as exchange:
        exchange.deadline = Deadline(30, "SETTING", until=2**60, begin_until=0)
        with pytest.raises(ConnectTimeoutError):
            Connection("host.example", 80).connect()

    assert made == []


@pytest.mark.usefixtures("exchange")
def test_prepared_head_goes_out_as_it_is(connection, near):
    connection.request("POST", "/a", None, FIELDS)

    assert near.sent == [HEAD]


@pytest.mark.usefixtures("exchange")
@pytest.mark.parametrize(("size", "pieces"), [(0, 1), (1, 1), (64 * 1024, 1), (64 * 1024 + 1, 2)])
def test_small_body_goes_out_in_the_same_piece(connection, near, size, pieces):
    connection.request("POST", "/a", b"x" * size, FIELDS)

    assert b"".join(near.sent) == HEAD + b"x" * size
    assert len(near.sent) == pieces


@pytest.mark.usefixtures("exchange")
def test_stream_goes_out_behind_the_head(connection, near):
    connection.request("POST", "/a", io.BytesIO(b"words"), FIELDS)

    assert b"".join(near.sent) == HEAD + b"words"


@pytest.mark.usefixtures("exchange")
def test_fields_that_were_not_prepared_go_out_too(connection, near):
    connection.request("GET", "/a", None, {"X-Other": "z"})

    assert near.sent[0].startswith(b"GET /a HTTP/1.1\r\n")
    assert b"\r\nX-Other: z\r\n" in near.sent[0]


@pytest.mark.parametrize(("total_s", "pause_s", "timeout_s"), [(3600, 5.0, 5.0), (4, 60.0, 4.0)])
def test_request_pauses_no_longer_than_its_exchange(
    *, connection, near, total_s, pause_s, timeout_s
):
    with _under_way(total_s, pause_s):
        connection.request("POST", "/a", None, FIELDS)

    assert near.timeouts == [pytest.approx(timeout_s, abs=0.9)]


def test_exchange_holds_a_kept_connection_and_has_begun(connection, exchange, lever):
    connection._lever = lever
    connection.request("POST", "/a", None, FIELDS)

    assert exchange.is_connected
    assert exchange.inherit(lever)
    connection._lever = None


def test_request_without_an_exchange_is_sent(connection, near):
    connection.timeout = 7.0
    connection.request("POST", "/a", None, FIELDS)

    assert (near.sent, near.timeouts) == ([HEAD], [7.0])
    assert connection.getresponse().status == 202
    connection.let_go()


def test_request_that_is_late_to_begin_is_not_sent(connection, near):
    late = Deadline(30, "SETTING", until=2**60, begin_until=0)
    with Exchange(late, 5.0) as exchange:
        token = CURRENT.set(exchange)
        with pytest.raises(ConnectTimeoutError, match="passed before it began") as raised:
            connection.request("POST", "/a", None, FIELDS)
        CURRENT.reset(token)

    assert near.sent == []
    assert raised.value.args[0] is connection
    assert not exchange.is_connected


def test_answer_is_read_with_its_head_and_its_time(connection, near, exchange, monkeypatch):
    connection.request("POST", "/a", b"body", FIELDS)
    connection.timeout = 9.0
    sent_at = time.monotonic() + 7.5
    with monkeypatch.context() as patched:
        clocks.put(patched, "monotonic", lambda: sent_at)
        answer = connection.getresponse()

    assert near.timeouts[-1] == 9.0
    assert exchange._sent_at == sent_at
    assert exchange.is_answered
    assert (answer.status, answer.version, answer.reason) == (202, 11, "Yes, later")
    assert dict(answer.headers) == {"X-Name": "y", "Content-Length": "5"}
    assert answer._original_response is not None
    assert not near.streams[0].closed
    assert answer.read() == b"words"
    connection.request("POST", "/a", b"body", FIELDS)
    assert near.sent == [HEAD + b"body"] * 2


@pytest.mark.usefixtures("exchange")
@pytest.mark.parametrize("raw", [b"", b"HTTP/2 x", b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 101])
def test_head_that_is_refused_is_closed(connection, raw):
    near = connection.sock = FakeSocket(raw)
    connection.request("POST", "/a", None, FIELDS)
    with pytest.raises(http.client.HTTPException):
        connection.getresponse()

    assert near.streams[0].closed


def _is_open(lever):
    return lever._socket.fileno() != -1


def test_lever_of_a_connection_without_an_exchange_is_closed_with_it(connection, lever, near):
    connection._lever = lever
    connection.close()

    assert not _is_open(lever)
    assert not near.is_open


def test_lever_of_an_answer_that_is_still_read_is_closed_by_its_exchange(connection, lever):
    connection._lever = lever
    with _under_way():
        connection.request("POST", "/a", None, FIELDS)
        connection.close()
        assert _is_open(lever)

    assert not _is_open(lever)


def test_exchange_ends_when_its_connection_goes_to_another(connection, exchange, lever, near):
    connection._lever = lever
    connection.request("POST", "/a", None, FIELDS)
    connection.let_go()
    exchange.expire()

    assert not exchange.is_late
    connection.let_go()
    connection.close()
    assert not _is_open(lever)


@pytest.mark.parametrize("is_late", [True, False])
def test_tunnel_that_opens_after_the_deadline_is_none(exchange, monkeypatch, is_late):
    asked = []
    monkeypatch.setattr(
        HTTPConnection, "_tunnel", lambda self: asked.append(self.host), raising=False
    )
    connection = TlsConnection("host.example", 443)
    connection._exchange = exchange
    if is_late:
        exchange.expire()
        with pytest.raises(TimeoutError, match="deadline"):
            connection._tunnel()
    else:
        connection._tunnel()
    connection._exchange = None
    connection._tunnel()

    assert asked == ["host.example"] * 2
