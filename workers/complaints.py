"""Log once per process that a part is down, and once that it is back."""

from __future__ import annotations

from threading import Lock
from typing import Any

import structlog

from conveyor.process_local import process_local

__all__ = ["Complaints", "complaints"]

log = structlog.get_logger("conveyor.waiting")


class Complaints:
    """Those of one process: its threads all miss the same Redis, every second or two."""

    @process_local
    def _lock(self) -> Lock:
        return Lock()

    @process_local
    def _missing(self) -> dict[str, set[str]]:
        return {}

    def begin(self, who: str, reason: str) -> None:
        """Log that a part is down, unless it is logged already.

        Args:
            who: A name of its own for each who misses it.
            reason: In words.
        """
        with self._lock:
            is_news = reason not in self._missing
            self._missing.setdefault(reason, set()).add(who)
        if is_news:
            log.warning("waiting", reason=reason)

    def end(self, who: str) -> None:
        """Note that a part works for one user, and log it once it works for all.

        Args:
            who: As in `begin`.
        """
        over: list[Any] = []
        with self._lock:
            for reason, missing in list(self._missing.items()):
                missing.discard(who)
                if not missing:
                    del self._missing[reason]
                    over.append(reason)
        for reason in over:
            log.info("waited_for", reason=reason)


complaints = Complaints()
