"""What the broker still holds, and what happens when its visibility time-out has passed."""

from __future__ import annotations

import time
from typing import Final

import redis
from celery import Celery

from conveyor.names import Queues

__all__ = ["pass_visibility_timeout", "settle", "unacknowledged", "waiting"]

_LOOK_EVERY_S: Final = 0.1
_QUEUES: Final = Queues()


def unacknowledged(client: redis.Redis) -> int:
    """Messages that a worker has drawn and not acknowledged, dead workers' included."""
    return int(client.hlen(_QUEUES.unacknowledged["unacked_key"]))


def waiting(client: redis.Redis) -> int:
    """Messages that no worker has drawn."""
    return sum(int(client.llen(queue)) for queue in _QUEUES.names)


def settle(client: redis.Redis, patience_s: float) -> int:
    """Give live workers time to acknowledge what they hold.

    Returns:
        How many messages are left, drawn or not.
    """
    deadline = time.monotonic() + patience_s
    while (left := unacknowledged(client) + waiting(client)) and time.monotonic() < deadline:
        time.sleep(_LOOK_EVERY_S)
    return left


def pass_visibility_timeout(app: Celery) -> None:
    """Hand out again what was not acknowledged, as kombu does when the time-out has passed.

    Quarters of an hour are too long for a measurement: kombu's own code is told that no time is
    allowed, and puts the messages of dead workers back into their queues.
    """
    options = {"visibility_timeout": 0, **_QUEUES.unacknowledged}
    with app.connection_for_write(transport_options=options) as connection:
        channel = connection.default_channel
        channel.qos.restore_visible(num=channel.unacked_restore_limit, interval=1)
