"""How messages are published, by producers and workers alike."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import redis
from celery import Celery
from kombu.exceptions import ConnectionLimitExceeded, OperationalError

from conveyor.names import Queues

__all__ = ["Publisher", "close_idle", "publish"]


@dataclass(frozen=True, slots=True)
class Publisher:
    """Where messages are published.

    Attributes:
        app: To send through.
        queues: Which ones they go into.
    """

    app: Celery
    queues: Queues


def publish(app: Celery, name: str, **options: Any) -> Any:
    """Send a task's message; over a new connection where the broker's primary was switched.

    redis-py keeps a connection that answers ``READONLY``, kombu keeps the connection around it, and
    Celery's pool both: each message that met it would fail, for as long as the old primary lives.

    Args:
        app: To send through.
        name: The task's.
        options: As for ``Celery.send_task``.

    Returns:
        The ``AsyncResult``.

    Raises:
        OperationalError: The broker did not take the message.
    """
    with app.producer_or_acquire() as producer:
        try:
            return app.send_task(name, producer=producer, **options)
        except OperationalError as error:
            if not isinstance(error.__cause__, redis.ReadOnlyError):
                raise
        producer.connection.collect()
        producer.revive(producer.connection.default_channel)
        return app.send_task(name, producer=producer, **options)


def close_idle(app: Celery) -> None:
    """Close the connections to the broker that no thread publishes through just now.

    Args:
        app: Whose pool. It connects again when it next publishes.
    """
    pool = app.pool
    idle = []
    with suppress(ConnectionLimitExceeded):
        for _ in range(pool.limit or 0):
            idle.append(pool.acquire())  # noqa: PERF401 - what was acquired until then counts
    for connection in idle:
        connection.collect()
        connection.release()
