"""The heartbeat: as long as a process lives, what it works on is not taken for lost.

Uploads, POSTs, polls and downloads may take minutes. One script a beat renews the leases of all
that a process has in hand. So a dead worker's conversions are taken up after a few missed beats.
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
from conveyor.ledger import Ledger, Renewal
from conveyor.ledger.delivery_lease import Lease
from conveyor.ledger.turnstile import Pass
from workers.complaints import complaints

__all__ = ["Heartbeat", "Work"]

# Of a lease several beats may fail before anybody else steps in.
_EVERY_S: Final = 2.0

log = structlog.get_logger("conveyor.heartbeat")


class Work:
    """What is being worked on; two threads may work on the same conversion.

    Args:
        conversion_id: The conversion's id.
        lease: What its lease is called, as `conveyor.ledger.Renewal` has it.
        token: What the lease holds.
        clock: Seconds.
    """

    def __init__(
        self, conversion_id: str, lease: str, token: str, clock: Callable[[], float]
    ) -> None:
        self.renewal = Renewal(conversion_id, lease, token)
        self._clock = clock
        self._until = inf

    def may_take(self, most_s: float) -> None:
        """Give it so many seconds from now on."""
        self._until = self._clock() + most_s

    @property
    def is_overtime(self) -> bool:
        """Whether the task has exceeded its time limit."""
        return self._clock() > self._until


class Heartbeat:
    """One process's.

    Args:
        ledger: Where leases are renewed.
        lease_s: For how long, seconds.
        every_s: Between two beats, seconds.
        clock: Seconds, for tests.
    """

    def __init__(
        self,
        ledger: Ledger,
        lease_s: float,
        every_s: float = _EVERY_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ledger = ledger
        self._lease_s = lease_s
        self._clock = clock
        self._every_s = every_s
        self._lock = Lock()
        self._working: set[Work] = set()
        self._thread: Thread | None = None
        self._stopped = Event()

    @contextmanager
    def renewing(self, held: Pass | Lease, most_s: float = inf) -> Iterator[Work]:
        """Keep a conversion from being taken for lost, for as long as the block runs.

        Args:
            held: The right to work on it.
            most_s: Seconds that the work may take. After that the process is taken for stuck, and
                others take the work over.

        Yields:
            The work, so that it can be given more time.
        """
        lease = "turnstile" if isinstance(held, Pass) else "delivery"
        work = Work(held.entry.id, lease, held.token, self._clock)
        work.may_take(most_s)
        with self._lock:
            self._working.add(work)
            if self._thread is None:
                self._thread = Thread(target=self._run, name="conveyor-heartbeat", daemon=True)
                self._thread.start()
        try:
            yield work
        finally:
            with self._lock:
                self._working.discard(work)

    def beat(self) -> None:
        """Renew the leases of what is being worked on.

        Raises:
            LedgerUnavailable: Redis can't be reached.
        """
        with self._lock:
            renewals = [work.renewal for work in self._working if not work.is_overtime]
        if renewals:
            self._ledger.renew_leases(renewals, self._lease_s)

    def stop(self) -> None:
        """Beat no more. A beat that is under way is not waited for."""
        self._stopped.set()

    def _run(self) -> None:
        while not self._stopped.wait(self._every_s):
            try:
                self.beat()
                self._ledger.expected_durations.flush()
            except LedgerUnavailable as error:
                complaints.begin("heartbeat", str(error))
            except Exception:
                log.exception("beat_missed")
            else:
                complaints.end("heartbeat")
