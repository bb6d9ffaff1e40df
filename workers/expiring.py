"""The end of files' lives: any worker removes result files that were kept for long enough.

A life begins when the caller knows the outcome. Its end is a date in the ledger. What can't be
removed now comes again, and what was removed twice was removed once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import structlog

from conveyor.domain.conversion import State
from conveyor.errors import StorageError, UnreadableConversion
from conveyor.ledger import Entry
from workers.services import Services
from workers.wiring import wired

__all__ = ["EVERY_S", "keep_s_of", "remove_expired"]

EVERY_S: Final = 5.0

_BATCH: Final = 50
# Each may have many files. What takes longer is removed twice, and counted once.
_LEASE_S: Final = 300.0
_UNTIL_BACK_S: Final = 60.0
_UNTIL_READABLE_S: Final = 300.0

log = structlog.get_logger("conveyor.expiring")


def keep_s_of(services: Services, entry: Entry) -> float | None:
    """How long the files of a conversion are kept once its caller knows of them.

    Args:
        services: What the process works with.
        entry: The conversion, ended.

    Returns:
        Seconds; None where they stay until somebody deletes them, or where there are none.
    """
    if entry.state is not State.SUCCEEDED:
        return None
    own_s = entry.terms.keep_s
    return services.settings.keep_seconds if own_s is None else own_s


def remove_expired() -> None:
    """Remove the files whose life is over, batch by batch.

    Raises:
        LedgerUnavailable: Redis can't be reached. What was claimed is due again after its lease.
        StorageError: The storage can't be used. What needs it is due again in a while.
    """
    services = wired()
    while batch := services.ledger.expiries.claim(_BATCH, _LEASE_S):
        _work_off(services, batch)


def _work_off(services: Services, batch: Sequence[str]) -> None:
    try:
        services.marker.check()
    except StorageError:
        services.ledger.expiries.put_off(batch, _UNTIL_BACK_S)
        raise
    removed = sum(_remove(services, conversion_id) for conversion_id in batch)
    if removed:
        log.info("files_removed", conversions=removed)


def _remove(services: Services, conversion_id: str) -> bool:
    """Remove the files of one conversion. Returns whether they are gone."""
    expiries = services.ledger.expiries
    try:
        entry = services.ledger.find(conversion_id)
        if entry is None:
            _remove_all(services, conversion_id)
        elif _is_over(entry):
            services.storage.remove_files(conversion_id, [file.name for file in entry.files])
            return services.ledger.files_removed(entry)
        # Else the id is used anew: the delivery of that conversion sets its own date.
        expiries.done(conversion_id)
    except UnreadableConversion as error:
        _later(services, conversion_id, _UNTIL_READABLE_S, str(error))
    except StorageError as error:
        _later(services, conversion_id, _UNTIL_BACK_S, str(error))
    return False


def _is_over(entry: Entry) -> bool:
    """Whether the life of its files is over, and its caller knows of them."""
    return (
        entry.state is State.SUCCEEDED
        and entry.delivered
        and entry.files_until is not None
        and entry.files_until <= entry.seen_at
    )


def _remove_all(services: Services, conversion_id: str) -> None:
    """Remove all that lies in its folder: Redis has lost the entry, which would name the files."""
    services.storage.remove_results(conversion_id)


def _later(services: Services, conversion_id: str, wait_s: float, reason: str) -> None:
    log.warning("files_not_removed", conversion_id=conversion_id, reason=reason, wait_s=wait_s)
    services.ledger.expiries.put_off([conversion_id], wait_s)
