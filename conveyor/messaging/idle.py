"""Closes the connections to the broker that no thread uses. The next user connects again.

Each is taken out of its pool first, so that no other thread can be about to use it.
`conveyor.ledger.Client.close_idle` does the same for Redis.
"""

from __future__ import annotations

from contextlib import suppress

from celery import Celery
from kombu.exceptions import ConnectionLimitExceeded

__all__ = ["close_broker"]


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
