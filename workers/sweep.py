"""The sweep: wakes conversions whose wake-up is overdue, from any worker (invariant I2).

It reads one sorted set by time, so it costs what is overdue, not what is waiting. A batch is taken
atomically: ten workers that sweep at once share the work.
"""

from __future__ import annotations

from typing import Any, Final

import structlog
from celery import Celery
from kombu.exceptions import ChannelError, OperationalError

from conveyor import wakeups
from conveyor.ledger import Entry
from workers import losses
from workers.stumbles import stumble
from workers.wiring import engine

__all__ = ["EVERY_S", "sweep"]

EVERY_S: Final = 2.0
_BATCH: Final = 100
# What one sweep wakes at most; ten workers wake ten times as many.
_MOST: Final = 2000
# What a sweep has woken is left to the woken task for so long.
_CLAIM_S: Final = 20.0
# With so many messages in the queues what is overdue is rather late than lost: waking it all would
# only make the queues longer, so a sweep wakes one batch, the longest overdue.
_BACKLOG: Final = 500

log = structlog.get_logger("conveyor.sweep")


def sweep(app: Celery) -> int:
    """Wake what is overdue, batch by batch.

    Args:
        app: The application.

    Returns:
        How many were woken.
    """
    parts = engine()
    woken, skip, most = 0, 0, _BATCH if backlog(app) > _BACKLOG else _MOST
    while woken < most:
        overdue = parts.ledger.claim_overdue(_BATCH, _CLAIM_S, skip)
        losses.report(parts, overdue.lost)
        for entry in overdue.entries:
            _wake(entry)
        woken, skip = woken + len(overdue.entries), overdue.left
        if overdue.is_last or skip > _MOST:
            break
    if woken:
        log.warning("overdue_woken", count=woken)
    return woken


def _wake(entry: Entry) -> None:
    """Wake one; what can't be sent for its own sake keeps nobody else asleep."""
    try:
        wakeups.wake(engine().publisher, entry)
    except OperationalError:
        raise
    except Exception:
        log.exception("not_woken", conversion_id=entry.id)
        stumble(engine(), entry.id)


def backlog(app: Celery) -> int:
    """How many messages wait in the queues for a worker to draw them.

    Args:
        app: The application.
    """
    queues = engine().publisher.queues
    with app.pool.acquire(block=True) as connection:
        return sum(_length(connection.default_channel, queue) for queue in queues.names)


def _length(channel: Any, queue: str) -> int:
    try:
        return int(channel.queue_declare(queue, passive=True).message_count)
    except ChannelError:  # nobody has sent anything there yet
        return 0
