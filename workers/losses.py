"""Conversions that Redis has lost: each is logged once and reported to its waiting caller.

The entry is gone, and with it what was asked, the caller's callbacks, and whether it was paid. All
that is left is the id, which is the caller's task id: so its result can be told, and nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence

import structlog
from celery.states import FAILURE, READY_STATES

from conveyor.domain.conversion import FailureKind, Reason
from conveyor.errors import ConversionFailed
from conveyor.ledger.findings import Lost
from workers.services import Services

__all__ = ["report"]

log = structlog.get_logger("conveyor.losses")


def report(services: Services, lost: Sequence[Lost]) -> None:
    """Log each, and tell the callers that don't know an outcome.

    Args:
        services: What the process works with.
        lost: Those that were not noticed before.
    """
    for one in lost:
        log.error("conversion_lost", conversion_id=one.id, undelivered=one.undelivered)
        if one.undelivered:
            _tell(services, one.id)


def _tell(services: Services, conversion_id: str) -> None:
    """Store a failure for `AsyncResult.get()`, unless the task has a result."""
    failed = ConversionFailed(
        "Redis has lost the conversion: its entry was evicted or deleted. It may have been paid. "
        "Enqueue it again if you still need it.",
        kind=FailureKind.INTERNAL.value,
        conversion_id=conversion_id,
        reason=Reason.INTERNAL.value,
    )
    backend = services.publisher.app.backend
    try:
        if backend.get_task_meta(conversion_id, cache=False)["status"] not in READY_STATES:
            backend.store_result(conversion_id, failed, FAILURE)
    except Exception as error:  # noqa: BLE001 - it stands in the list all the same
        log.warning("loss_not_reported", conversion_id=conversion_id, reason=type(error).__name__)
