"""Conversions whose sources could not be brought to the service."""

from __future__ import annotations

from dataclasses import replace

import structlog

from conveyor.convertapi.errors import ApiError, ComeLater
from conveyor.domain import retries
from conveyor.domain.conversion import Failure, FailureKind, Reason
from conveyor.domain.giving_up import held_too_long, waited_too_long
from conveyor.domain.next_steps import Bury, Hold
from conveyor.domain.refused_submits import denied
from conveyor.errors import InvalidRequest, StorageError
from conveyor.ledger import Entry
from conveyor.ledger.governor import Admission
from conveyor.ledger.turnstile import Pass
from conveyor.storage.marker import OtherStorage
from workers.account import hold_account, may_be_its_own, throttled_for_s
from workers.services import Services
from workers.sources import failure_of_source

__all__ = ["record_without_sources"]

log = structlog.get_logger("conveyor.submit")


def record_without_sources(
    services: Services,
    passed: Pass,
    error: InvalidRequest | StorageError | ApiError,
    admission: Admission,
) -> Entry | None:
    """Note that a conversion's sources could not be brought: it fails, or is tried later.

    Args:
        services: What the process works with.
        passed: The turnstile's pass, which is left with the note.
        error: Why.
        admission: How the account stood when the conversion was taken.

    Returns:
        The conversion as noted; None where it has moved on.

    Raises:
        LedgerUnavailable: Redis can't be reached.
    """
    entry, leaving = passed.entry, passed.leaving
    failure = failure_of_source(error)
    if failure is None:
        return _try_later(services, passed, error)
    decision: Hold | Bury = Bury(failure)
    if failure.kind is FailureKind.ACCOUNT:
        services.governor.refused(entry.id)
        decision = denied(failure, entry, services.limits, is_well=admission.well)
    if isinstance(decision, Bury):
        return services.ledger.failed(entry, decision.failure, leaving=leaving)
    hold_account(services, failure)
    return services.ledger.submit_later(
        *(entry, 0, failure.message),
        held=True,
        first=True,
        denied=may_be_its_own(failure, admission),
        leaving=leaving,
    )


def _try_later(services: Services, passed: Pass, error: Exception) -> Entry | None:
    entry, leaving = passed.entry, passed.leaving
    note = f"the source could not be uploaded: {error}"
    if isinstance(error, OtherStorage):
        return _wait_for_storage(services, passed, note)
    too_long = waited_too_long(entry, note, services.limits)
    if too_long is not None:
        ended = _of_storage(too_long) if isinstance(error, StorageError) else too_long
        return services.ledger.failed(entry, ended, leaving=leaving)
    delay_s = retries.retry_submit(services.spacing_s, entry.consecutive_failures)
    if isinstance(error, ComeLater):
        delay_s = throttled_for_s(services, entry.consecutive_failures, error.retry_after_s)
    log.warning("submit_delayed", reason=note, delay_s=round(delay_s, 2))
    return services.ledger.submit_later(entry, delay_s, note, leaving=leaving)


def _wait_for_storage(services: Services, passed: Pass, note: str) -> Entry | None:
    """The operator has something to repair, or another worker has the right storage."""
    entry, leaving = passed.entry, passed.leaving
    too_long = held_too_long(entry, note, services.limits)
    if too_long is not None:
        return services.ledger.failed(entry, _of_storage(too_long), leaving=leaving)
    delay_s = retries.for_another(entry.consecutive_failures)
    log.warning("submit_held", reason=note, delay_s=delay_s)
    return services.ledger.submit_later(entry, delay_s, note, held=True, leaving=leaving)


def _of_storage(failure: Failure) -> Failure:
    return replace(failure, kind=FailureKind.STORAGE, reason=Reason.STORAGE)
