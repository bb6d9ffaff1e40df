"""What a pool does with its connections, and which of urllib3's errors it raises."""

from __future__ import annotations

import errno
import http.client
import ssl
from types import SimpleNamespace
from typing import ClassVar

import pytest
import urllib3
from urllib3.exceptions import (
    ConnectTimeoutError,
    MaxRetryError,
    ProtocolError,
    ReadTimeoutError,
    SSLError,
)

from conveyor.convertapi.connections import Connection, TlsConnection
from conveyor.convertapi.pools import Pool, TlsPool

OPTIONS = {"timeout": urllib3.Timeout(connect=3.0, read=7.0), "chunked": False}


class FakeConnection(Connection):
    """Answers without a network."""

    is_closed = True
    fails_at: ClassVar = {}

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.done = []

    def _do(self, step, *args, **options):
        self.done.append((step, self.timeout, *args, *options.items()))
        if error := self.fails_at.get(step):
            raise error

    def connect(self):
        self._do("connect")

    def request(self, *args, **options):
        self._do("request", *args, **options)

    def getresponse(self):
        self._do("getresponse")
        return SimpleNamespace()

    def close(self):
        self.done.append(("close",))

    def let_go(self):
        self.done.append(("let_go",))


@pytest.fixture
def fails_at(monkeypatch):
    """The errors of a connection's steps."""
    errors = {}
    monkeypatch.setattr(FakeConnection, "fails_at", errors)
    return errors


@pytest.fixture
def made():
    """The connections that were made."""
    return []


@pytest.fixture
def pool(made):
    def making(*args, **options):
        made.append(FakeConnection(*args, **options))
        return made[-1]

    pool = Pool("host.example", 80, maxsize=1)
    pool.ConnectionCls = making
    return pool


def test_connections_are_ours():
    assert (Pool.ConnectionCls, TlsPool.ConnectionCls) == (Connection, TlsConnection)


@pytest.mark.usefixtures("fails_at")
def test_request_is_sent_by_a_connection_that_goes_with_its_answer(pool, made):
    answer = pool.urlopen("POST", "/a", b"body", {"X": "y"}, **OPTIONS)
    (connection,) = made

    assert connection.done == [
        ("connect", 3.0),
        ("request", 3.0, "POST", "/a", b"body", {"X": "y"}, ("chunked", False)),
        ("getresponse", 7.0),
    ]
    assert (answer._connection, answer._pool) == (connection, pool)


def test_request_through_a_proxy_is_urllib3s(pool, made, monkeypatch):
    asked = []
    monkeypatch.setattr(
        urllib3.HTTPConnectionPool,
        "urlopen",
        lambda *args, **options: asked.append((args, options)) or "answer",
    )
    pool.proxy = "http://p.example"

    assert pool.urlopen("POST", "/a", b"body", {"X": "y"}, **OPTIONS) == "answer"
    assert asked == [((pool, "POST", "/a", b"body", {"X": "y"}), OPTIONS)]
    assert made == []


@pytest.mark.usefixtures("fails_at")
def test_connection_that_is_open_is_not_made_again(pool, made, monkeypatch):
    monkeypatch.setattr(FakeConnection, "is_closed", False)
    pool.urlopen("GET", "/a", **OPTIONS)

    assert [step for step, *_ in made[0].done] == ["request", "getresponse"]


@pytest.mark.usefixtures("fails_at")
def test_connection_that_comes_back_ends_its_exchange_and_is_used_again(pool, made):
    answer = pool.urlopen("GET", "/a", **OPTIONS)
    pool._put_conn(answer._connection)
    again = pool.urlopen("GET", "/a", **OPTIONS)

    assert again._connection is answer._connection
    assert made[0].done.count(("let_go",)) == 1


@pytest.mark.parametrize("step", ["connect", "request", "getresponse"])
@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (ConnectTimeoutError(None, "x"), MaxRetryError),
        (ssl.SSLError("x"), MaxRetryError),
        (urllib3.util.ssl_match_hostname.CertificateError("x"), MaxRetryError),
        (TimeoutError("x"), ReadTimeoutError),
        (OSError("x"), ProtocolError),
        (http.client.HTTPException("x"), ProtocolError),
        (KeyError("x"), KeyError),
    ],
    ids=repr,
)
def test_error_is_urllib3s_and_closes_the_connection(*, pool, made, fails_at, step, error, raised):
    fails_at[step] = error
    with pytest.raises(raised) as caught:
        pool.urlopen("GET", "/a", **OPTIONS)

    assert made[0].done[-1] == ("close",)
    # Its place is free for the next one.
    assert pool.pool.qsize() == 1
    if raised is not KeyError:
        assert caught.value.__cause__ is error


@pytest.mark.parametrize("error", [ConnectTimeoutError(None, "x"), ssl.SSLError("x")])
def test_error_before_an_answer_names_its_reason(pool, fails_at, error):
    fails_at["connect"] = error
    with pytest.raises(MaxRetryError) as caught:
        pool.urlopen("GET", "/a", **OPTIONS)

    is_tls = isinstance(error, ssl.SSLError)
    reason = caught.value.reason
    assert (caught.value.pool, caught.value.url) == (pool, "/a")
    assert (type(reason), reason.args[0]) == (SSLError, error) if is_tls else reason is error


def test_read_that_takes_too_long_names_its_request(pool, fails_at):
    fails_at["getresponse"] = TimeoutError("x")
    with pytest.raises(ReadTimeoutError, match="it took too long") as caught:
        pool.urlopen("GET", "/a", **OPTIONS)

    assert (caught.value.pool, caught.value.url) == (pool, "/a")


def test_connection_that_is_lost_says_so(pool, fails_at):
    fails_at["getresponse"] = lost = ConnectionResetError("x")
    with pytest.raises(ProtocolError) as caught:
        pool.urlopen("GET", "/a", **OPTIONS)

    assert caught.value.args == ("Connection aborted.", lost)


@pytest.mark.parametrize("number", [errno.EPIPE, errno.ECONNRESET, errno.EPROTOTYPE])
def test_answer_of_a_request_that_is_refused_half_way_is_read(pool, fails_at, number):
    fails_at["request"] = OSError(number, "x")

    assert pool.urlopen("POST", "/a", **OPTIONS)


def test_other_error_while_sending_is_the_end(pool, fails_at):
    fails_at["request"] = OSError(errno.EHOSTUNREACH, "x")
    with pytest.raises(ProtocolError):
        pool.urlopen("POST", "/a", **OPTIONS)
