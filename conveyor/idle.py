"""Close idle connections. The next user connects again.

Each is taken out of its pool first, so that no other thread can be about to use it.
"""

from __future__ import annotations

from contextlib import suppress
from queue import Empty
from typing import cast

import redis
from celery import Celery
from kombu.exceptions import ConnectionLimitExceeded

__all__ = ["close_broker", "close_redis"]


def close_broker(app: Celery) -> None:
    """Close the connections to the broker that no thread publishes through.

    Args:
        app: Whose pool.
    """
    pool, idle = app.pool, []
    with suppress(ConnectionLimitExceeded):
        for _ in range(pool.limit or 0):
            idle.append(pool.acquire())  # noqa: PERF401 - what was acquired until then counts
    for connection in idle:
        connection.collect()
        connection.release()


def close_redis(client: redis.Redis) -> None:
    """Close the connections to Redis that no thread waits for an answer on.

    Args:
        client: Whose pool, one that blocks.
    """
    pool, idle = cast("redis.BlockingConnectionPool", client.connection_pool).pool, []
    with suppress(Empty):
        while True:
            idle.append(pool.get_nowait())
    for connection in idle:
        if connection is not None:
            connection.disconnect()
        pool.put_nowait(connection)
