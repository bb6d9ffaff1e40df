"""The cleaner: any worker removes unconverted folders and old index rows.

It also audits the indexes for unscheduled and lost conversions. Whatever is done here can
wait, and be done by two workers at once. What one part can't do keeps no other from its work.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import structlog

from conveyor.domain import rules
from conveyor.errors import ConveyorError
from workers import losses
from workers.services import Services
from workers.wiring import wired

__all__ = ["EVERY_S", "clean", "clean_ledger", "clean_storage"]

EVERY_S: Final = 30.0
_BATCH: Final = 500

Work = Callable[[Services], int]

log = structlog.get_logger("conveyor.cleaner")


def clean() -> None:
    """Clear a batch of everything away.

    Raises:
        LedgerUnavailable: Redis can't be reached.
        StorageError: A folder can't be removed.
    """
    _clear({**_OF_LEDGER, **_OF_STORAGE})


def clean_ledger() -> None:
    """Audit the indexes and clean a batch of records that are only in Redis.

    Raises:
        LedgerUnavailable: Redis can't be reached.
    """
    _clear(_OF_LEDGER)


def clean_storage() -> None:
    """Remove a batch of folders. A storage that hangs holds nothing else up.

    Raises:
        LedgerUnavailable: Redis can't be reached.
        StorageError: A folder can't be removed.
    """
    _clear(_OF_STORAGE)


def _clear(works: Mapping[str, Work]) -> None:
    services = wired()
    failed: ConveyorError | None = None
    cleared: dict[str, int] = {}
    for name, work in works.items():
        try:
            cleared[name] = work(services)
        except ConveyorError as error:
            failed = error
    if any(cleared.values()):
        log.info("cleaned_up", **{name: count for name, count in cleared.items() if count})
    if failed is not None:
        raise failed


def _audit(services: Services) -> int:
    found = services.ledger.audit.step(_BATCH)
    losses.report(services, found.lost)
    if found.awaited:
        log.warning("unscheduled_made_due", count=found.awaited)
    return found.forgotten


def _audit_notices(services: Services) -> int:
    return services.ledger.notices.audit(_BATCH)


def _strip(services: Services) -> int:
    return services.ledger.strip_dead(rules.FILE_LIFE_S, _BATCH)


def _clean_metadata(services: Services) -> int:
    return services.index.clean_metadata(_BATCH)


def _remove_staged(services: Services) -> int:
    # Elsewhere there is nothing to remove, and the folders would be forgotten.
    services.marker.check()
    return services.staging.remove_overdue()


_OF_LEDGER: Final[Mapping[str, Work]] = {
    "forgotten": _audit,
    "callbacks": _audit_notices,
    "stripped": _strip,
    "metadata": _clean_metadata,
}
_OF_STORAGE: Final[Mapping[str, Work]] = {"staged": _remove_staged}
