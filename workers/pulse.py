"""The pulse: as long as a process lives, what it works on is not taken for lost.

Uploads, POSTs, polls and downloads may take minutes. Instead of waiting that long before a dead
worker's conversions are woken, the sweep waits for a few missed beats.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Lock, Thread
from typing import Final

import structlog

from conveyor.errors import LedgerUnavailable
from conveyor.ledger import Ledger

__all__ = ["Pulse"]

# Of the work's and the lease's time several beats may fail before anybody else steps in.
_EVERY_S: Final = 2.0

Renew = Callable[[], None]

log = structlog.get_logger("conveyor.pulse")


class Pulse:
    """One process's.

    Args:
        ledger: Where work in progress is put off.
        every_s: Between two beats, seconds.
    """

    def __init__(self, ledger: Ledger, every_s: float = _EVERY_S) -> None:
        self._ledger = ledger
        self._every_s = every_s
        self._lock = Lock()
        self._working: dict[object, tuple[str, Renew | None]] = {}
        self._thread: Thread | None = None

    @contextmanager
    def keeps(self, conversion_id: str, renew: Renew | None = None) -> Iterator[None]:
        """Keep a conversion from being taken for lost, for as long as the block runs.

        Args:
            conversion_id: The conversion.
            renew: Renews a lease that goes with the work.
        """
        work = object()  # two tasks may work on the same conversion
        with self._lock:
            self._working[work] = (conversion_id, renew)
            if self._thread is None:
                self._thread = Thread(target=self._run, name="conveyor-pulse", daemon=True)
                self._thread.start()
        try:
            yield
        finally:
            with self._lock:
                del self._working[work]

    def beat(self) -> None:
        """Put off what is being worked on.

        Raises:
            LedgerUnavailable: Redis can't be reached.
        """
        with self._lock:
            working = list(self._working.values())
        if working:
            for _, renew in working:
                if renew is not None:
                    renew()
            # After the leases, so that none lasts longer than the sweep waits.
            self._ledger.keep_working([conversion_id for conversion_id, _ in working])

    def _run(self) -> None:
        never = Event()
        while not never.wait(self._every_s):
            try:
                self.beat()
            except LedgerUnavailable as error:
                log.warning("beat_missed", reason=str(error))
            except Exception:
                log.exception("beat_missed")
