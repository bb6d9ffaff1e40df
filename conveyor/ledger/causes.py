"""Why a server can't be used, and the cure: one table for Redis, the broker and the results.

Client libraries wrap what a socket or a server has said in errors of their own, each in its own
way. So whoever asks hands in what was raised, and everything that it was raised from is looked
through. No text of an error gets into the words: it may quote a password.
"""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import redis
from redis.exceptions import (
    AskError,
    AuthenticationWrongNumberOfArgsError,
    ClusterCrossSlotError,
    ClusterDownError,
    InvalidResponse,
    MasterDownError,
    MaxConnectionsError,
    NoPermissionError,
    OutOfMemoryError,
    TryAgainError,
)

__all__ = ["Cause", "cause_of", "explain"]

_MOST_DEEP: Final = 12


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a server can't be used.

    Attributes:
        what: What is wrong, to be read after the server's name: ``refuses the connection``.
        cure: What to do, as a clause that begins small. ``{setting}`` is the setting's name.
    """

    what: str
    cure: str


@dataclass(frozen=True, slots=True)
class _Rule:
    applies: Callable[[BaseException], bool]
    cause: Cause


def cause_of(error: BaseException) -> Cause:
    """Find why a server can't be used.

    Args:
        error: What its client has raised, or what our own error was raised from.

    Returns:
        The cause. The more a rule knows, the earlier it is asked.
    """
    chain = list(_chain(error))
    for rule in _RULES:
        if any(map(rule.applies, chain)):
            return rule.cause
    return Cause(f"can't be used ({type(error).__name__})", "check its log and {setting}")


_SILENT: Final = Cause(
    "did not answer in time",
    "check whether it is overloaded or hangs, and whether a firewall blocks {setting}",
)
_SILENT_TO_TLS: Final = Cause(
    "did not answer TLS in time",
    "if the port does not speak TLS, set {setting} to redis://. Otherwise check whether it is "
    "overloaded, hangs, or is blocked by a firewall",
)
_TLS_SCHEMES: Final = ("rediss", "sentinels", "amqps")


def explain(server: str, error: BaseException, setting: str) -> str:
    """Say in one line why a server can't be used, and what to do.

    Args:
        server: As the line begins, the address without credentials: ``The broker at redis://…``.
        error: What was raised.
        setting: The name of the setting that leads there.
    """
    cause = cause_of(error)
    # A port without TLS waits for more of what it takes for a command, and redis-py loses the hint.
    if cause is _SILENT and any(f"{scheme}://" in server for scheme in _TLS_SCHEMES):
        cause = _SILENT_TO_TLS
    return f"{server} {cause.what}: {cause.cure.format(setting=setting)}."


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An error and what it was raised from, by whatever way its wrapper has kept that."""
    left, seen = [error], set[int]()
    while left and len(seen) < _MOST_DEEP:
        one = left.pop(0)
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        held = [*one.args, getattr(one, "exc", None), one.__cause__, one.__context__]
        left += [item for item in held if isinstance(item, BaseException)]


def _is(*kinds: type[BaseException]) -> Callable[[BaseException], bool]:
    return lambda error: isinstance(error, kinds)


def _answered(*words: str) -> Callable[[BaseException], bool]:
    """Whether the server has answered so; a script and a pipeline put words of theirs around it."""
    small = tuple(word.lower() for word in words)

    def applies(error: BaseException) -> bool:
        if not isinstance(error, redis.RedisError):
            return False
        # redis-py takes a code that it knows out of the text.
        text = f"{getattr(error, 'status_code', None) or ''} {error}".lower()
        return any(word in text for word in small)

    return applies


def _any(*tests: Callable[[BaseException], bool]) -> Callable[[BaseException], bool]:
    return lambda error: any(test(error) for test in tests)


def _all(*tests: Callable[[BaseException], bool]) -> Callable[[BaseException], bool]:
    return lambda error: all(test(error) for test in tests)


def _failed_with(*numbers: int) -> Callable[[BaseException], bool]:
    return lambda error: isinstance(error, OSError) and error.errno in numbers


def _tls(*reasons: str) -> Callable[[BaseException], bool]:
    def applies(error: BaseException) -> bool:
        reason = getattr(error, "reason", None)
        return isinstance(error, ssl.SSLError) and (not reasons or reason in reasons)

    return applies


def _mentions(*words: str) -> Callable[[BaseException], bool]:
    """Whether a broker of another kind has said so: its classes are not ours to import."""
    return lambda error: any(word in f"{type(error).__name__} {error}" for word in words)


_CLUSTER: Final = Cause(
    "is a Redis Cluster, for which Celery has no client",
    "set {setting} to a single server or a Sentinel",
)
_LOADING: Final = Cause("is still loading its data", "wait until its log says that it is ready")
_REPLICA: Final = Cause(
    "is a replica and refuses writes",
    "wait until this address leads to the primary, or set {setting}",
)
_LOGIN: Final = Cause("refused the user name or the password", "check those in {setting}")
_NO_TLS: Final = Cause(
    "does not speak TLS on this port", "set {setting} to redis://, or to the port that speaks TLS"
)
_ONLY_TLS: Final = Cause(
    "closed the connection before it answered",
    "if the port speaks only TLS, set {setting} to rediss://. Otherwise check the server's log",
)
_CROWDED: Final = Cause(
    "has reached its maxclients",
    "raise its maxclients, or stop clients that you don't need",
)


# The first that applies wins: what a server says before what its connection did, and a socket's own
# error before the client's word for it.
_RULES: Final = (
    _Rule(
        _is(MasterDownError),
        Cause(
            "is a replica that has lost its primary", "start the primary, or set {setting} to it"
        ),
    ),
    _Rule(
        _any(
            _is(AskError, TryAgainError, ClusterDownError, ClusterCrossSlotError),
            _answered("not allowed in cluster mode", "cluster mode is enabled"),
        ),
        _CLUSTER,
    ),
    _Rule(_any(_is(redis.BusyLoadingError), _answered("loading ")), _LOADING),
    _Rule(_any(_is(redis.ReadOnlyError), _answered("readonly ", "unblocked ")), _REPLICA),
    _Rule(
        _any(_is(OutOfMemoryError), _answered("oom ")),
        Cause("is out of memory and refuses writes", "raise its maxmemory, or make room"),
    ),
    _Rule(
        _answered("misconf "),
        Cause(
            "can't save to its disk and refuses writes",
            "check its log, and free disk space",
        ),
    ),
    _Rule(
        _answered("noreplicas "),
        Cause(
            "has too few replicas and refuses writes",
            "start them, or lower its min-replicas-to-write",
        ),
    ),
    _Rule(
        _answered("busy "),
        Cause("is busy with a script that does not end", "stop the script with SCRIPT KILL"),
    ),
    _Rule(
        _answered("denied ", "protected mode"),
        Cause(
            "is in protected mode and refuses clients from other machines",
            "give it a password, and put that into {setting}",
        ),
    ),
    _Rule(
        _answered("noauth "),
        Cause("asks for a password", "put it into {setting}, as redis://:PASSWORD@host:port/0"),
    ),
    _Rule(
        _answered("without any password configured"),
        Cause("has no password, but you gave one", "remove it from {setting}"),
    ),
    _Rule(
        _any(_is(NoPermissionError), _answered("noperm ")),
        Cause(
            "does not give this user the permissions that Conveyor needs",
            "give it those that docs/production.md lists, or set another user in {setting}",
        ),
    ),
    _Rule(_any(_is(MaxConnectionsError), _answered("max number of clients")), _CROWDED),
    _Rule(
        _any(
            _is(redis.AuthenticationError, AuthenticationWrongNumberOfArgsError),
            _answered("wrongpass ", "invalid username-password"),
            _mentions("ACCESS_REFUSED", "AccessRefused"),
        ),
        _LOGIN,
    ),
    _Rule(
        _answered("db index is out of range", "invalid db index"),
        Cause(
            "has no database with that number", "use a number below its `databases` in {setting}"
        ),
    ),
    _Rule(
        _answered("unknown command"),
        Cause(
            "does not know a command that Conveyor needs",
            "use a Redis or Valkey version that docs/production.md lists, and rename none of its "
            "commands",
        ),
    ),
    _Rule(
        _any(_is(InvalidResponse), _answered("protocol error")),
        Cause("is not a Redis: it answers in another protocol", "check host and port in {setting}"),
    ),
    _Rule(
        _tls("CERTIFICATE_VERIFY_FAILED"),
        Cause(
            "shows a certificate that can't be verified",
            "name the authority with ssl_ca_certs in {setting}, and use the host name in the "
            "certificate",
        ),
    ),
    _Rule(
        _tls(
            "TLSV13_ALERT_CERTIFICATE_REQUIRED",
            "SSLV3_ALERT_BAD_CERTIFICATE",
            "TLSV1_ALERT_UNKNOWN_CA",
        ),
        Cause(
            "asks for a client certificate, or refuses yours",
            "set one with ssl_certfile and ssl_keyfile in {setting}",
        ),
    ),
    _Rule(_any(_tls(), _mentions("handshake operation timed out")), _NO_TLS),
    _Rule(
        _is(socket.gaierror),
        Cause("can't be found by its name", "check the host in {setting} and your DNS"),
    ),
    _Rule(
        _any(_is(ConnectionRefusedError), _failed_with(errno.ECONNREFUSED)),
        Cause("refused the connection: no server listens there", "start it, or set {setting}"),
    ),
    _Rule(
        _failed_with(errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EADDRNOTAVAIL),
        Cause(
            "can't be reached over the network", "check the host in {setting}, and the route to it"
        ),
    ),
    _Rule(
        _is(FileNotFoundError),
        Cause("has no socket at that path", "start it, or check the path in {setting}"),
    ),
    _Rule(
        _is(PermissionError),
        Cause("has a socket that this user may not open", "give this user permission to open it"),
    ),
    _Rule(
        _is(NotADirectoryError, IsADirectoryError),
        Cause("has no socket at that path", "check the path in {setting}"),
    ),
    _Rule(
        _failed_with(errno.EMFILE, errno.ENFILE),
        Cause(
            "can't be reached: this process has too many open files", "raise its limit (ulimit -n)"
        ),
    ),
    _Rule(
        _any(_is(TimeoutError, redis.TimeoutError), _failed_with(errno.ETIMEDOUT)),
        _SILENT,
    ),
    _Rule(
        _any(
            _is(ConnectionResetError, BrokenPipeError, ConnectionAbortedError),
            _all(_is(redis.ConnectionError), _mentions("closed by server", "Connection closed")),
        ),
        _ONLY_TLS,
    ),
    _Rule(
        _all(_is(redis.ConnectionError), _mentions("No connection available")),
        Cause(
            "has no free connection left in this process",
            "use one Conveyor object per process, or find what holds the connections",
        ),
    ),
    _Rule(
        _is(redis.ResponseError),
        Cause("refused a command", "check its memory, disk, role and permissions"),
    ),
    _Rule(
        _is(redis.ConnectionError, OSError), Cause("can't be reached", "start it, or set {setting}")
    ),
)
