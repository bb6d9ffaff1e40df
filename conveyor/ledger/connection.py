"""The connection to Redis, and its errors turned into ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import redis
from redis.backoff import ExponentialBackoff
from redis.retry import Retry

from conveyor.errors import LedgerUnavailable
from conveyor.redaction import redact_server_url

__all__ = ["connect", "translated"]

# A burst of threads shares the pool: each command takes well under a millisecond.
_POOL_S: Final = 10.0


def connect(url: str, max_connections: int = 50) -> redis.Redis:
    """A pooled client for the ledger.

    Args:
        url: ``redis://…``.
        max_connections: As many as there are threads, and a few.

    Returns:
        The client; it connects when first used. Where all connections are in use, it waits for one.
    """
    pool = redis.BlockingConnectionPool.from_url(
        url,
        timeout=_POOL_S,
        decode_responses=True,
        max_connections=max_connections,
        socket_timeout=15.0,
        socket_connect_timeout=5.0,
        # A repeated transition is told by its token, so a lost reply is safe to ask for again.
        retry=Retry(ExponentialBackoff(cap=0.5, base=0.05), retries=3),
    )
    return redis.Redis.from_pool(pool)


@contextmanager
def translated(client: redis.Redis) -> Iterator[None]:
    """Turn redis-py's errors into ours, once.

    Raises:
        LedgerUnavailable: Redis is away, or refuses the password or a command.
    """
    try:
        yield
    except redis.AuthenticationError:
        raise LedgerUnavailable(
            f"Redis at {_address(client)} refused the password: check CONVEYOR_REDIS_URL."
        ) from None
    except (redis.ConnectionError, redis.TimeoutError) as error:
        raise LedgerUnavailable(
            f"Redis at {_address(client)} can't be reached ({type(error).__name__}): "
            "start it, or set CONVEYOR_REDIS_URL."
        ) from error
    except redis.RedisError as error:
        raise LedgerUnavailable(
            f"Redis at {_address(client)} refused a command ({type(error).__name__}): look at its "
            "memory, its disk, its role and its permissions."
        ) from error


def _address(client: redis.Redis) -> str:
    options = client.connection_pool.connection_kwargs
    host, port = options.get("host", ""), options.get("port", "")
    return redact_server_url(f"redis://{host}:{port}") if host else str(options.get("path"))
