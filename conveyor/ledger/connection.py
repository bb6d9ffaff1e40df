"""The connection to Redis, and its errors turned into ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from queue import Empty
from typing import Any, Final, cast

import redis
from redis.asyncio import Redis as AsyncRedis
from redis.maint_notifications import MaintNotificationsConfig

from conveyor.domain.servers import ServerUrl
from conveyor.errors import LedgerUnavailable
from conveyor.ledger.causes import explain
from conveyor.ledger.keys import Keys
from conveyor.ledger.outliving import outliving
from conveyor.ledger.patience import WORKERS, Patience
from conveyor.ledger.sentinels import (
    LedConnection,
    LedSSLConnection,
    follower_of,
    sentinels_of,
    tls_of,
)
from conveyor.names import DEFAULT_NAMESPACE

__all__ = [
    "Client",
    "aconnect",
    "connect",
    "options_of",
    "translated",
]


_KINDS: Final[dict[str, Any]] = {
    "redis": redis.Connection,
    "rediss": redis.SSLConnection,
    "unix": redis.UnixDomainSocketConnection,
    "sentinel": LedConnection,
    "sentinels": LedSSLConnection,
}


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
        **tls_of(server),
    }
    if server.scheme == "unix":
        return {**options, "path": server.path}
    options["socket_keepalive"] = True
    if server.has_sentinels:
        return {
            **options,
            "sentinels": sentinels_of(server, answer_s, connect_s),
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

    def close_idle(self) -> None:
        """Close the connections that no thread waits for an answer on.

        Each is taken out of the pool first, so that no other thread can be about to use it.
        """
        pool, idle = cast("redis.BlockingConnectionPool", self.connection_pool).pool, []
        with suppress(Empty):
            while True:
                idle.append(pool.get_nowait())
        for connection in idle:
            if connection is not None:
                connection.disconnect()
            pool.put_nowait(connection)


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
    pool = redis.BlockingConnectionPool(
        **options_of(server, patience.answer_s, patience.connect_s),
        timeout=patience.pool_s,
        decode_responses=True,
        # Bytes that are no text damage one entry, not every answer that it stands in.
        encoding_errors="replace",
        max_connections=max_connections,
        retry=patience.retry,
    )
    pool.server = server  # type: ignore[attr-defined]  # `translated` names it
    client = cast("Client", Client.from_pool(pool))
    client.keyspace = Keys(namespace)
    return client


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
            **tls_of(server),
        )
    return follower_of(server, WORKERS.connect_s)


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
