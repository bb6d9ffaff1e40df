"""What is left behind is cleared away, by any worker: folders that nobody converts, old index rows.

Whatever is done here can wait, and be done by two workers at once.
"""

from __future__ import annotations

from typing import Final

import structlog

from conveyor import schedule
from workers.wiring import engine

__all__ = ["EVERY_S", "tidy"]

EVERY_S: Final = 30.0
_BATCH: Final = 500

log = structlog.get_logger("conveyor.tidy")


def tidy() -> None:
    """Clear a batch away.

    Raises:
        LedgerUnavailable: Redis can't be reached.
        StorageError: A folder can't be removed.
    """
    parts = engine()
    rows = parts.index.trim() + parts.ledger.strip_dead(schedule.FILE_LIFE_S, _BATCH)
    # Elsewhere there is nothing to remove, and the folders would be forgotten.
    parts.marker.check()
    folders = parts.staging.remove_overdue()
    if folders or rows:
        log.info("tidied", staged=folders, forgotten=rows)
