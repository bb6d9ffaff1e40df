"""Where the primary is, as the sentinels say."""

from __future__ import annotations

from typing import Any, Final

import redis
from redis.asyncio import Redis as AsyncRedis
from redis.asyncio.retry import Retry as AsyncRetry
from redis.asyncio.sentinel import Sentinel as AsyncSentinel
from redis.backoff import NoBackoff
from redis.connection import AbstractConnection
from redis.retry import Retry
from redis.sentinel import Sentinel

from conveyor.domain.servers import ServerUrl

__all__ = ["LedConnection", "LedSSLConnection", "follower_of", "sentinels_of", "tls_of"]

# They answer from memory, and are asked one after the other.
_SENTINEL_S: Final = 1.0


class _Led(AbstractConnection):
    """A connection to where the sentinels say that the primary is."""

    def __init__(self, *, sentinels: Sentinel, master: str, **options: Any) -> None:
        super().__init__(**options)
        self._sentinels = sentinels
        self._master = master

    def _connect(self) -> Any:
        self.host, self.port = self._sentinels.discover_master(self._master)
        return super()._connect()  # type: ignore[safe-super]  # the connection it is mixed into


class LedConnection(_Led, redis.Connection):
    """A plain connection to the primary."""


class LedSSLConnection(_Led, redis.SSLConnection):
    """An encrypted connection to the primary."""


def tls_of(server: ServerUrl) -> dict[str, Any]:
    """Certificates are verified, against those that the system trusts, unless it is said."""
    return {"ssl_cert_reqs": "required", **server.tls} if server.speaks_tls else {}


class _Follower(AsyncRedis):
    """A client that closes its connections to the sentinels, too; redis-py leaves them open."""

    async def aclose(self, close_connection_pool: bool | None = None) -> None:
        """Close the connections to the primary and to the sentinels."""
        await super().aclose(close_connection_pool)
        await self.connection_pool.sentinel_manager.aclose()  # type: ignore[attr-defined]  # redis-py's pool


def _hosts(server: ServerUrl) -> list[tuple[str, int]]:
    return [(host.name, host.port) for host in server.hosts]


def _greeting_of_sentinels(server: ServerUrl) -> dict[str, Any]:
    return {
        "username": server.sentinel_username or None,
        "password": server.sentinel_password or None,
        **({"ssl": True} if server.speaks_tls else {}),
        **tls_of(server),
    }


def sentinels_of(server: ServerUrl, answer_s: float | None, connect_s: float | None) -> Sentinel:
    """redis-py asks each in turn; one that is dead must not be asked again and again."""
    kwargs = {
        **_greeting_of_sentinels(server),
        "socket_timeout": min(answer_s or _SENTINEL_S, _SENTINEL_S),
        "socket_connect_timeout": min(connect_s or _SENTINEL_S, _SENTINEL_S),
        "retry": Retry(NoBackoff(), 0),
    }
    return Sentinel(_hosts(server), sentinel_kwargs=kwargs)


def follower_of(server: ServerUrl, connect_s: float) -> AsyncRedis:
    """A client for an event loop, to where the sentinels say that the primary is.

    It waits for as long as nothing changes: no time-out for an answer.

    Args:
        server: Where the sentinels are.
        connect_s: How long to wait for a connection, seconds.
    """
    kwargs = {
        **_greeting_of_sentinels(server),
        "socket_timeout": _SENTINEL_S,
        "socket_connect_timeout": _SENTINEL_S,
        "retry": AsyncRetry(NoBackoff(), 0),
    }
    sentinels = AsyncSentinel(_hosts(server), sentinel_kwargs=kwargs)
    return sentinels.master_for(  # type: ignore[no-any-return]  # redis-py: untyped
        server.master,
        _Follower,
        db=server.database,
        username=server.username or None,
        password=server.password or None,
        decode_responses=True,
        socket_connect_timeout=connect_s,
        ssl=server.speaks_tls,
        **tls_of(server),
    )
