"""The pulse: as long as a process lives, what it works on is not taken for lost.

Uploads, POSTs, polls and downloads may take minutes. Instead of waiting that long before a dead
worker's conversions are woken, the sweep waits for a few missed beats.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import inf
from threading import Event, Lock, Thread
from typing import Final

import structlog

from conveyor.errors import LedgerUnavailable
from conveyor.ledger import Ledger
from workers.complaints import complaints

__all__ = ["Pulse", "Work"]

# Of the work's and the lease's time several beats may fail before anybody else steps in.
_EVERY_S: Final = 2.0

Renew = Callable[[], object]

log = structlog.get_logger("conveyor.pulse")


class Work:
    """What is being worked on; two tasks may work on the same conversion.

    Args:
        conversion_id: The conversion's id.
        renew: Renews a lease that goes with the work.
        clock: Seconds.
    """

    def __init__(self, conversion_id: str, renew: Renew | None, clock: Callable[[], float]) -> None:
        self.conversion_id = conversion_id
        self.renew = renew
        self._clock = clock
        self._until = inf

    def may_take(self, most_s: float) -> None:
        """Give it so many seconds from now on."""
        self._until = self._clock() + most_s

    @property
    def is_overtime(self) -> bool:
        """Whether it has taken longer than it may."""
        return self._clock() > self._until


class Pulse:
    """One process's.

    Args:
        ledger: Where work in progress is put off.
        every_s: Between two beats, seconds.
        clock: Seconds, for tests.
    """

    def __init__(
        self,
        ledger: Ledger,
        every_s: float = _EVERY_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ledger = ledger
        self._clock = clock
        self._every_s = every_s
        self._lock = Lock()
        self._working: set[Work] = set()
        self._thread: Thread | None = None

    @contextmanager
    def keeps(
        self, conversion_id: str, renew: Renew | None = None, most_s: float = inf
    ) -> Iterator[Work]:
        """Keep a conversion from being taken for lost, for as long as the block runs.

        Args:
            conversion_id: The conversion's id.
            renew: Renews a lease that goes with the work.
            most_s: Seconds that the work may take. After that the process is taken for stuck, and
                others take the work over.

        Yields:
            The work, so that it can be given more time.
        """
        work = Work(conversion_id, renew, self._clock)
        work.may_take(most_s)
        with self._lock:
            self._working.add(work)
            if self._thread is None:
                self._thread = Thread(target=self._run, name="conveyor-pulse", daemon=True)
                self._thread.start()
        try:
            yield work
        finally:
            with self._lock:
                self._working.discard(work)

    def beat(self) -> None:
        """Put off what is being worked on.

        Raises:
            LedgerUnavailable: Redis can't be reached.
        """
        with self._lock:
            working = [work for work in self._working if not work.is_overtime]
        if working:
            for work in working:
                if work.renew is not None:
                    work.renew()
            # After the leases, so that none lasts longer than the sweep waits.
            self._ledger.keep_working([work.conversion_id for work in working])

    def _run(self) -> None:
        never = Event()
        while not never.wait(self._every_s):
            try:
                self.beat()
            except LedgerUnavailable as error:
                complaints.begin("pulse", str(error))
            except Exception:
                log.exception("beat_missed")
            else:
                complaints.end("pulse")
