"""The sweep: wakes conversions whose wake-up is overdue, from any worker (invariant I2).

It reads one sorted set by time, so it costs what is overdue, not what is waiting. A batch is taken
atomically: ten workers that sweep at once share the work.
"""

from __future__ import annotations

from threading import Event, Thread
from typing import Any, Final

import structlog
from celery import Celery
from kombu.exceptions import ChannelError

from conveyor import names, wakeups
from conveyor.errors import ConveyorError
from workers.wiring import engine

__all__ = ["Sweeper"]

_EVERY_S: Final = 2.0
_BATCH: Final = 100
# What one sweep wakes at most; ten workers wake ten times as many.
_MOST: Final = 2000
# What a sweep has woken is left to the woken task for so long.
_CLAIM_S: Final = 20.0
# With so many messages in the queues what is overdue is rather late than lost: waking it all would
# only make the queues longer, so a sweep wakes one batch, the longest overdue.
_BACKLOG: Final = 500

log = structlog.get_logger("conveyor.sweep")


class Sweeper:
    """A thread of the worker's main process that sweeps every few seconds.

    Args:
        app: To send wake-ups through.
    """

    def __init__(self, app: Celery) -> None:
        self._app = app
        self._stopped = Event()
        self._thread: Thread | None = None

    def start(self) -> None:
        """Begin to sweep."""
        self._thread = Thread(target=self._run, name="conveyor-sweep", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop, without waiting for a sweep that is under way."""
        self._stopped.set()

    def _run(self) -> None:
        while not self._stopped.wait(_EVERY_S):
            try:
                woken = sweep(self._app)
            except ConveyorError as error:
                log.warning("sweep_failed", reason=str(error))
            except Exception:
                log.exception("sweep_failed")
            else:
                if woken:
                    log.warning("overdue_woken", count=woken)


def sweep(app: Celery) -> int:
    """Wake what is overdue, batch by batch.

    Args:
        app: To send wake-ups through.

    Returns:
        How many were woken.
    """
    woken, most = 0, _BATCH if backlog(app) > _BACKLOG else _MOST
    while woken < most:
        overdue = engine().ledger.claim_overdue(_BATCH, _CLAIM_S)
        for entry in overdue:
            wakeups.wake(app, entry)
        woken += len(overdue)
        if len(overdue) < _BATCH:
            break
    return woken


def backlog(app: Celery) -> int:
    """How many messages wait in the queues for a worker to draw them.

    Args:
        app: The application.
    """
    with app.pool.acquire(block=True) as connection:
        return sum(_length(connection.default_channel, queue) for queue in names.QUEUES)


def _length(channel: Any, queue: str) -> int:
    try:
        return int(channel.queue_declare(queue, passive=True).message_count)
    except ChannelError:  # nobody has sent anything there yet
        return 0
