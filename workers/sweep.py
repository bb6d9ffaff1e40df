"""The sweep: wakes conversions whose wake-up is overdue, from any worker (invariant I2).

It reads one sorted set by time, so it costs what is overdue, not what is waiting. A batch is taken
atomically: ten workers that sweep at once share the work.
"""

from __future__ import annotations

from threading import Event, Thread
from typing import Final

import structlog
from celery import Celery

from conveyor import wakeups
from conveyor.errors import ConveyorError
from workers.wiring import engine

__all__ = ["Sweeper"]

_EVERY_S: Final = 5.0
_BATCH: Final = 100
# What a sweep has woken is left to the woken task for so long.
_CLAIM_S: Final = 60.0

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
    """Wake one batch of what is overdue.

    Args:
        app: To send wake-ups through.

    Returns:
        How many were woken.
    """
    overdue = engine().ledger.claim_overdue(_BATCH, _CLAIM_S)
    for entry in overdue:
        wakeups.wake(app, entry)
    return len(overdue)
