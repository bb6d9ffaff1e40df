"""The eraser: any worker removes what deleted conversions have left elsewhere.

Their dates lie in the ledger, so a worker that dies is made up for by the next. Nobody waits for
it, and it holds no slot: it is a thread of each worker's main process (invariant I4). All that it
does may be done twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import structlog

from conveyor.deleting import erase
from conveyor.errors import LedgerUnavailable, StorageError, UnreadableConversion
from conveyor.messaging.cancelling import cancel
from workers.reporting import forget_result
from workers.services import Services
from workers.wiring import wired

__all__ = ["EVERY_S", "erase_due"]

EVERY_S: Final = 2.0

_BATCH: Final = 16
_LEASE_S: Final = 60.0
# Its delivery has a date of its own, and so has what is left at the service.
_UNTIL_DELIVERED_S: Final = 1.0
_UNTIL_DELETED_S: Final = 5.0
_UNTIL_BACK_S: Final = 30.0
_UNTIL_READABLE_S: Final = 300.0

log = structlog.get_logger("conveyor.eraser")


def erase_due() -> None:
    """Erase what is due, batch by batch.

    Raises:
        LedgerUnavailable: Redis can't be reached. What was claimed is due again after its lease.
        StorageError: The storage can't be used. What needs it is due again in a while.
    """
    services = wired()
    while batch := services.ledger.erasures.claim(_BATCH, _LEASE_S):
        _work_off(services, batch)


def _work_off(services: Services, batch: Sequence[str]) -> None:
    ended = [conversion_id for conversion_id in batch if _is_ended(services, conversion_id)]
    if not ended:
        return
    try:
        services.marker.check()
    except StorageError:
        services.ledger.erasures.put_off(ended, _UNTIL_BACK_S)
        raise
    for conversion_id in ended:
        _remove(services, conversion_id)


def _is_ended(services: Services, conversion_id: str) -> bool:
    """Whether only the tombstone is left in the ledger. What still runs is cancelled first."""
    try:
        entry = services.ledger.find(conversion_id)
    except UnreadableConversion as error:
        _later(services, conversion_id, _UNTIL_READABLE_S, str(error))
        return False
    if entry is None:
        return True
    if entry.deleted_at is None:
        # Redis has lost the tombstone, and somebody uses the id anew.
        services.ledger.erasures.done(conversion_id)
        return False
    if not entry.state.is_final:
        cancel(services.publisher, services.ledger, entry)
    if erase(services.ledger, entry):
        return True
    services.ledger.erasures.put_off([conversion_id], _UNTIL_DELIVERED_S)
    return False


def _remove(services: Services, conversion_id: str) -> None:
    """Remove what a deleted conversion has left elsewhere."""
    try:
        services.storage.remove_results(conversion_id)
        for token in services.ledger.staged_of(conversion_id):
            services.storage.remove_folder(token)
        forget_result(services.backend, conversion_id)
    except LedgerUnavailable:
        raise
    except StorageError as error:
        _later(services, conversion_id, _UNTIL_BACK_S, str(error))
    except Exception as error:  # noqa: BLE001 - result backends raise types of their own
        _later(services, conversion_id, _UNTIL_BACK_S, type(error).__name__)
    else:
        _record(services, conversion_id)


def _record(services: Services, conversion_id: str) -> None:
    if services.ledger.erased(conversion_id):
        log.info("erased", conversion_id=conversion_id)
    else:
        # The clean-up deletes it, and repeats what fails.
        services.ledger.erasures.put_off([conversion_id], _UNTIL_DELETED_S)


def _later(services: Services, conversion_id: str, wait_s: float, reason: str) -> None:
    log.warning("not_erased", conversion_id=conversion_id, reason=reason, wait_s=wait_s)
    services.ledger.erasures.put_off([conversion_id], wait_s)
