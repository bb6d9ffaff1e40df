"""The connection to Redis, and its errors turned into ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar, Final, cast

import redis
from redis.asyncio import Redis as AsyncRedis
from redis.asyncio.retry import Retry as AsyncRetry
from redis.asyncio.sentinel import Sentinel as AsyncSentinel
from redis.backoff import ExponentialBackoff, NoBackoff
from redis.connection import AbstractConnection
from redis.maint_notifications import MaintNotificationsConfig
from redis.retry import Retry
from redis.sentinel import Sentinel

from conveyor.causes import explain
from conveyor.domain.servers import ServerUrl
from conveyor.errors import LedgerUnavailable
from conveyor.ledger.keys import Keys
from conveyor.ledger.refusals import DEMOTIONS, code_of
from conveyor.names import DEFAULT_NAMESPACE

__all__ = [
    "PRODUCERS",
    "WORKERS",
    "Client",
    "Patience",
    "Refused",
    "aconnect",
    "connect",
    "options_of",
    "outliving",
    "translated",
]

# They answer from memory, and are asked one after the other.
_SENTINEL_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a process waits for a Redis that does not answer.

    Attributes:
        answer_s: For each part of an answer, seconds.
        connect_s: To connect, seconds.
        pool_s: For a connection that others of the process use, seconds.
        errors: What is tried again.
        retries: How often.
    """

    answer_s: float
    connect_s: float
    pool_s: float
    errors: tuple[type[Exception], ...]
    retries: int

    @property
    def retry(self) -> Retry:
        """The retry policy of redis-py."""
        return Retry(ExponentialBackoff(cap=0.5, base=0.05), self.retries, self.errors)


# A repeated transition is told by its token, so a lost reply is safe to ask for again.
WORKERS: Final = Patience(15.0, 5.0, 10.0, (redis.ConnectionError, redis.TimeoutError), retries=3)
"""Nobody waits for a worker: Redis may pause."""

PRODUCERS: Final = Patience(1.0, 1.0, 1.0, (redis.ConnectionError,), retries=2)
"""A web request waits: a Redis that hangs must show within three seconds. So silence is not tried
again, and an operation that meets it can still clean up once."""


class Refused(redis.ConnectionError):
    """The server can't serve just now, nothing was done, and the connection to it was closed.

    A lost connection is what redis-py, kombu and Celery all wait for and try again.

    Attributes:
        code: Of the answer; see `conveyor.ledger.refusals`.
    """

    def __init__(self, code: str, text: str) -> None:
        super().__init__(f"{code} {text.removeprefix(code).strip()}")
        self.code = code

    def __repr__(self) -> str:
        return str(self)  # redis-py's own hides the reason, and Celery logs this


class _Outliving(AbstractConnection):
    """A connection that outlives a server which answers that it can't serve just now.

    redis-py keeps a connection that answers ``READONLY``: after a switch a whole pool would be of
    no use for as long as the old primary lives. This one closes, and says that it is lost, so that
    whoever retries lost connections goes to where the address leads by now. Its like in the same
    pool connect anew when they are next taken: they may only read, and would read what is old.
    """

    demotions: ClassVar[int] = 0
    _connected_after = 0
    _greeting = False

    def connect(self) -> None:
        """Connect; anew, if another of its kind has met a replica since."""
        met = type(self).demotions
        if met != self._connected_after and self.is_connected:
            self.disconnect()  # type: ignore[no-untyped-call]
        super().connect()  # type: ignore[no-untyped-call]
        self._connected_after = met

    def on_connect_check_health(self, check_health: bool = True) -> None:
        """Greet the server; redis-py itself passes over what a user may not say of itself."""
        self._greeting = True
        try:
            super().on_connect_check_health(check_health)
        finally:
            self._greeting = False

    def read_response(self, *args: Any, **options: Any) -> Any:
        """Read an answer.

        Raises:
            Refused: The server can't serve just now; nothing was written.
        """
        try:
            answer = super().read_response(*args, **options)
        except redis.AuthenticationError:
            raise  # redis-py takes it for a lost connection by itself
        except (redis.ResponseError, redis.BusyLoadingError) as error:
            self._check(error)
            raise
        # What a script in a transaction was refused stands among the transaction's answers.
        for item in answer if isinstance(answer, list) else ():
            if isinstance(item, redis.ResponseError):
                self._check(item)
        return answer

    def _check(self, error: redis.RedisError) -> None:
        """Raise `Refused` where it is a refusal."""
        code = code_of(error)
        if not code or (self._greeting and code == "NOPERM"):
            return
        if code in DEMOTIONS:
            type(self).demotions += 1
        self.disconnect()  # type: ignore[no-untyped-call]
        raise Refused(code, str(error)) from error


class _Led(AbstractConnection):
    """A connection to where the sentinels say that the primary is."""

    def __init__(self, *, sentinels: Sentinel, master: str, **options: Any) -> None:
        super().__init__(**options)
        self._sentinels = sentinels
        self._master = master

    def _connect(self) -> Any:
        self.host, self.port = self._sentinels.discover_master(self._master)  # type: ignore[no-untyped-call]
        return super()._connect()  # type: ignore[no-untyped-call, safe-super]


class _LedConnection(_Led, redis.Connection):
    pass


class _LedSSLConnection(_Led, redis.SSLConnection):
    pass


_KINDS: Final[dict[str, Any]] = {
    "redis": redis.Connection,
    "rediss": redis.SSLConnection,
    "unix": redis.UnixDomainSocketConnection,
    "sentinel": _LedConnection,
    "sentinels": _LedSSLConnection,
}


def outliving(kind: type[AbstractConnection]) -> type[AbstractConnection]:
    """Make a kind of connection that outlives a server which can't serve just now.

    Args:
        kind: One of redis-py's, or derived from one.

    Returns:
        The same, for one pool: its connections tell each other of a switch of the primary.
    """
    return type(kind.__name__, (_Outliving, kind), {})


def options_of(
    server: ServerUrl, answer_s: float | None, connect_s: float | None
) -> dict[str, Any]:
    """How to connect to a server, for any of redis-py's pools.

    Args:
        server: Where it is.
        answer_s: How long to wait for a part of an answer, seconds.
        connect_s: How long to wait for a connection, seconds.

    Returns:
        The pool's options, ``connection_class`` among them.
    """
    options: dict[str, Any] = {
        "connection_class": outliving(_KINDS[server.scheme]),
        "db": server.database,
        "username": server.username or None,
        "password": server.password or None,
        "socket_timeout": answer_s,
        "socket_connect_timeout": connect_s,
        # What a server is not asked for at each connection takes no time, and no permission.
        "driver_info": None,
        "maint_notifications_config": MaintNotificationsConfig(enabled=False),
        **_tls_of(server),
    }
    if server.scheme == "unix":
        return {**options, "path": server.path}
    options["socket_keepalive"] = True
    if server.has_sentinels:
        return {
            **options,
            "sentinels": _sentinels(server, answer_s, connect_s),
            "master": server.master,
        }
    (host,) = server.hosts
    return {**options, "host": host.name, "port": host.port}


class Client(redis.Redis):
    """A client that knows which keys of its database are ours.

    Attributes:
        keyspace: Their names.
    """

    keyspace = Keys()


def connect(
    url: str,
    namespace: str = DEFAULT_NAMESPACE,
    max_connections: int = 50,
    patience: Patience = WORKERS,
) -> Client:
    """A pooled client for the ledger.

    Args:
        url: As `ServerUrl` reads it.
        namespace: Below which our keys lie.
        max_connections: As many as there are threads, and a few.
        patience: How long to wait for a server that does not answer.

    Returns:
        The client; it connects when first used. Where all connections are in use, it waits for one.
    """
    server = ServerUrl.parse(url)
    pool = redis.BlockingConnectionPool(  # type: ignore[no-untyped-call]
        **options_of(server, patience.answer_s, patience.connect_s),
        timeout=patience.pool_s,
        decode_responses=True,
        # Bytes that are no text damage one entry, not every answer that it stands in.
        encoding_errors="replace",
        max_connections=max_connections,
        retry=patience.retry,
    )
    pool.server = server  # type: ignore[attr-defined]
    client = cast("Client", Client.from_pool(pool))
    client.keyspace = Keys(namespace)
    return client


def _tls_of(server: ServerUrl) -> dict[str, Any]:
    """Certificates are verified, against those that the system trusts, unless it is said."""
    return {"ssl_cert_reqs": "required", **server.tls} if server.speaks_tls else {}


class _Follower(AsyncRedis):
    """A client that closes its connections to the sentinels, too; redis-py leaves them open."""

    async def aclose(self, close_connection_pool: bool | None = None) -> None:
        await super().aclose(close_connection_pool)
        await self.connection_pool.sentinel_manager.aclose()  # type: ignore[attr-defined]


def aconnect(url: str) -> AsyncRedis:
    """A client for an event loop that follows what changes.

    Args:
        url: As `ServerUrl` reads it.
    """
    server = ServerUrl.parse(url)
    if not server.has_sentinels:
        return AsyncRedis.from_url(
            server.url,
            decode_responses=True,
            socket_connect_timeout=WORKERS.connect_s,
            **_tls_of(server),
        )
    # It waits for as long as nothing changes: no time-out for an answer.
    kwargs = {
        **_greeting_of_sentinels(server),
        "socket_timeout": _SENTINEL_S,
        "socket_connect_timeout": _SENTINEL_S,
        "retry": AsyncRetry(NoBackoff(), 0),
    }
    sentinels = AsyncSentinel(_hosts(server), sentinel_kwargs=kwargs)  # type: ignore[no-untyped-call]
    return sentinels.master_for(  # type: ignore[no-any-return]
        server.master,
        _Follower,
        db=server.database,
        username=server.username or None,
        password=server.password or None,
        decode_responses=True,
        socket_connect_timeout=WORKERS.connect_s,
        ssl=server.speaks_tls,
        **_tls_of(server),
    )


def _hosts(server: ServerUrl) -> list[tuple[str, int]]:
    return [(host.name, host.port) for host in server.hosts]


def _greeting_of_sentinels(server: ServerUrl) -> dict[str, Any]:
    return {
        "username": server.sentinel_username or None,
        "password": server.sentinel_password or None,
        **({"ssl": True} if server.speaks_tls else {}),
        **_tls_of(server),
    }


def _sentinels(server: ServerUrl, answer_s: float | None, connect_s: float | None) -> Sentinel:
    """redis-py asks each in turn; one that is dead must not be asked again and again."""
    kwargs = {
        **_greeting_of_sentinels(server),
        "socket_timeout": min(answer_s or _SENTINEL_S, _SENTINEL_S),
        "socket_connect_timeout": min(connect_s or _SENTINEL_S, _SENTINEL_S),
        "retry": Retry(NoBackoff(), 0),
    }
    return Sentinel(_hosts(server), sentinel_kwargs=kwargs)  # type: ignore[no-untyped-call]


@contextmanager
def translated(client: redis.Redis) -> Iterator[None]:
    """Turn redis-py's errors into ours, once.

    Raises:
        LedgerUnavailable: Redis is away, or refuses the password or a command.
    """
    try:
        yield
    except redis.RedisError as error:
        server = f"Redis at {_address(client)}"
        raise LedgerUnavailable(explain(server, error, "CONVEYOR_REDIS_URL")) from error


def _address(client: redis.Redis) -> str:
    server = getattr(client.connection_pool, "server", None)
    return server.address if isinstance(server, ServerUrl) else "its address"
