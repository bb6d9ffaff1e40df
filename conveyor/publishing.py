"""How messages are published, by producers and workers alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import redis
from celery import Celery
from kombu.exceptions import OperationalError

from conveyor import names
from conveyor.names import Queues

__all__ = ["Publisher", "publish"]


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
    version = {names.VERSION_HEADER: names.MESSAGE_VERSION}
    options["headers"] = {**(options.get("headers") or {}), **version}
    with app.producer_or_acquire() as producer:
        try:
            return app.send_task(name, producer=producer, **options)
        except OperationalError as error:
            if not isinstance(error.__cause__, redis.ReadOnlyError):
                raise
        producer.connection.collect()
        producer.revive(producer.connection.default_channel)
        return app.send_task(name, producer=producer, **options)
