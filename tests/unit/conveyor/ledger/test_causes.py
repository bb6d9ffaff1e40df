"""Why a server can't be used, from what its client has raised."""

from __future__ import annotations

import errno
import socket
import ssl

import pytest
import redis
from redis import exceptions

from conveyor.ledger.causes import cause_of, explain


class AccessRefused(Exception):  # noqa: N818  # because it is called so there
    """As the client of another broker has it."""


def _tls(reason):
    error = ssl.SSLError(1, "no")
    error.reason = reason
    return error


def _said(text, kind=redis.ResponseError, status_code=None):
    error = kind(text)
    if status_code is not None:
        error.status_code = status_code
    return error


def _failed(number):
    return OSError(number, "no")


CAUSES = {
    "is a replica that has lost its primary": [exceptions.MasterDownError("x")],
    "is a Redis Cluster, for which Celery has no client": [
        exceptions.AskError("1 127.0.0.1:7000"),
        exceptions.TryAgainError("x"),
        exceptions.ClusterDownError("x"),
        exceptions.ClusterCrossSlotError("x"),
        _said("SELECT is not allowed in cluster mode"),
        _said("Cluster mode is enabled"),
    ],
    "is still loading its data": [redis.BusyLoadingError("x"), _said("LOADING Redis is loading")],
    "is a replica and refuses writes": [
        redis.ReadOnlyError("x"),
        _said("READONLY You can't write"),
        _said("UNBLOCKED force unblock"),
    ],
    "is out of memory and refuses writes": [exceptions.OutOfMemoryError("x"), _said("OOM x")],
    "can't save to its disk and refuses writes": [_said("MISCONF x")],
    "has too few replicas and refuses writes": [_said("NOREPLICAS x")],
    "is busy with a script that does not end": [_said("BUSY x"), _said("x", status_code="BUSY")],
    "is in protected mode and refuses clients from other machines": [
        _said("DENIED x"),
        _said("running in protected mode"),
    ],
    "asks for a password": [_said("NOAUTH x"), _said("NOAUTH x", redis.AuthenticationError)],
    "has no password, but you gave one": [
        _said("AUTH called without any password configured", redis.AuthenticationError)
    ],
    "does not give this user the permissions that Conveyor needs": [
        exceptions.NoPermissionError("x"),
        _said("NOPERM x"),
    ],
    "has reached its maxclients": [
        exceptions.MaxConnectionsError("x"),
        _said("max number of clients reached"),
    ],
    "refused the user name or the password": [
        redis.AuthenticationError("x"),
        exceptions.AuthenticationWrongNumberOfArgsError("x"),
        _said("WRONGPASS x"),
        _said("invalid username-password pair"),
        AccessRefused("x"),
        ValueError("403 ACCESS_REFUSED"),
    ],
    "has no database with that number": [
        _said("DB index is out of range"),
        _said("invalid DB index"),
    ],
    "does not know a command that Conveyor needs": [_said("unknown command 'EVALSHA'")],
    "is not a Redis: it answers in another protocol": [
        redis.InvalidResponse("x"),
        _said("Protocol error"),
    ],
    "shows a certificate that can't be verified": [_tls("CERTIFICATE_VERIFY_FAILED")],
    "asks for a client certificate, or refuses yours": [
        _tls("TLSV13_ALERT_CERTIFICATE_REQUIRED"),
        _tls("SSLV3_ALERT_BAD_CERTIFICATE"),
        _tls("TLSV1_ALERT_UNKNOWN_CA"),
    ],
    "does not speak TLS on this port": [
        _tls("WRONG_VERSION_NUMBER"),
        _tls(None),
        TimeoutError("The handshake operation timed out"),
    ],
    "can't be found by its name": [socket.gaierror(-2, "x")],
    "refused the connection: no server listens there": [
        ConnectionRefusedError("x"),
        # A client has made its own of it, and has kept the number.
        type("Made", (OSError,), {"errno": errno.ECONNREFUSED})("x"),
    ],
    "can't be reached over the network": [
        _failed(errno.EHOSTUNREACH),
        _failed(errno.ENETUNREACH),
        _failed(errno.EADDRNOTAVAIL),
    ],
    "has no socket at that path": [
        FileNotFoundError("x"),
        NotADirectoryError("x"),
        IsADirectoryError("x"),
    ],
    "has a socket that this user may not open": [PermissionError("x")],
    "can't be reached: this process has too many open files": [
        _failed(errno.EMFILE),
        _failed(errno.ENFILE),
    ],
    "did not answer in time": [
        TimeoutError("x"),
        redis.TimeoutError("x"),
        type("Made", (OSError,), {"errno": errno.ETIMEDOUT})("x"),
    ],
    "closed the connection before it answered": [
        ConnectionResetError("x"),
        BrokenPipeError("x"),
        ConnectionAbortedError("x"),
        redis.ConnectionError("Connection closed by server."),
        redis.ConnectionError("Connection closed."),
    ],
    "has no free connection left in this process": [
        redis.ConnectionError("No connection available.")
    ],
    "refused a command": [_said("WRONGTYPE x")],
    "can't be reached": [redis.ConnectionError("x"), OSError("x")],
    "can't be used (KeyError)": [KeyError("x")],
}
SETTING = "CONVEYOR_REDIS_URL"


@pytest.mark.parametrize(
    ("what", "error"),
    [(what, error) for what, errors in CAUSES.items() for error in errors],
    ids=lambda it: it if isinstance(it, str) else f"{type(it).__name__} {it}",
)
def test_error_tells_why_the_server_can_not_be_used(what, error):
    assert cause_of(error).what == what


@pytest.mark.parametrize("error", [error for errors in CAUSES.values() for error in errors])
def test_every_cause_has_a_cure_in_one_line(error):
    line = explain("Redis at redis://h", error, SETTING)

    assert line.startswith("Redis at redis://h ")
    assert line.endswith(".")
    assert "{" not in line
    assert "\n" not in line


def _by_cause(inner):
    outer = redis.ConnectionError("x")
    outer.__cause__ = inner
    return outer


def _by_context(inner):
    outer = redis.ConnectionError("x")
    outer.__context__ = inner
    return outer


def _by_both(inner):
    """As ``raise … from …`` does it."""
    outer = redis.ConnectionError("x")
    outer.__cause__ = outer.__context__ = inner
    return outer


def _by_argument(inner):
    return redis.ConnectionError("x", inner)


def _by_attribute(inner):
    outer = redis.ConnectionError("x")
    outer.exc = inner
    return outer


@pytest.mark.parametrize("wrap", [_by_cause, _by_context, _by_both, _by_argument, _by_attribute])
@pytest.mark.parametrize("depth", [1, 2, 11])
def test_what_an_error_was_raised_from_counts(wrap, depth):
    error = PermissionError("x")
    for _ in range(depth):
        error = wrap(error)

    assert cause_of(error).what == "has a socket that this user may not open"


def test_search_ends_where_wrappers_never_do():
    error = PermissionError("x")
    for _ in range(12):
        error = _by_cause(error)

    assert cause_of(error).what == "can't be reached"


def test_errors_that_were_raised_from_each_other_are_looked_at_once():
    one, other = redis.ConnectionError("x"), PermissionError("x")
    one.__cause__, other.__cause__ = other, one

    assert cause_of(one).what == "has a socket that this user may not open"


def test_what_a_server_says_counts_before_what_its_connection_did():
    error = _by_cause(_said("OOM x"))
    error.__context__ = ConnectionRefusedError("x")

    assert cause_of(error).what == "is out of memory and refuses writes"


def test_words_of_another_error_are_no_answer_of_the_server():
    assert cause_of(ValueError("OOM x")).what == "can't be used (ValueError)"


def test_number_of_another_error_is_no_answer_of_the_system():
    error = redis.ResponseError("x")
    error.errno = errno.EMFILE

    assert cause_of(error).what == "refused a command"


@pytest.mark.parametrize(
    ("server", "says"),
    [
        ("Redis at rediss://h", "did not answer TLS in time: if the port does not speak TLS, set"),
        ("Redis at sentinels://h", "did not answer TLS in time: if"),
        ("The broker at amqps://h", "did not answer TLS in time: if"),
        ("Redis at redis://h", "did not answer in time: check"),
        ("The broker at amqp://h", "did not answer in time: check"),
    ],
)
def test_silence_over_tls_may_be_a_port_without_it(server, says):
    assert explain(server, TimeoutError("x"), SETTING).startswith(f"{server} {says}")


def test_refused_connection_over_tls_is_no_silence():
    line = explain("Redis at rediss://h", ConnectionRefusedError("x"), SETTING)

    assert line == (
        "Redis at rediss://h refused the connection: no server listens there: start it, or set "
        "CONVEYOR_REDIS_URL."
    )
