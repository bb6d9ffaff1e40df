"""Results that can't be stored just now: they come again later, or are given up."""

from __future__ import annotations

from typing import Final

import structlog
from celery.exceptions import Ignore

from conveyor.convertapi.errors import ApiError, ComeLater
from conveyor.domain import retries, rules
from conveyor.domain.conversion import Failure, FailureKind, Reason
from conveyor.errors import StorageError
from conveyor.ledger import Entry
from conveyor.storage.marker import OtherStorage
from workers.downloads import TooLarge
from workers.services import Services

__all__ = ["come_again_or_give_up"]

# The service asks for patience, or the operator has something to repair.
_NO_FAULTS: Final = (ComeLater, OtherStorage)

log = structlog.get_logger("conveyor.deliver")


def come_again_or_give_up(
    services: Services, entry: Entry, error: StorageError | ApiError
) -> Entry:
    """Decide about a result that could not be stored.

    Args:
        services: What the process works with.
        entry: The conversion, ready.
        error: Why it could not be stored.

    Returns:
        The conversion, given up.

    Raises:
        Ignore: It is tried again later: a date in the ledger says when.
    """
    if _is_hopeless(services, entry, error):
        return _give_up(services, entry, error)
    delay_s = _delay_s(services, entry, error)
    log.warning("store_delayed", reason=str(error), delay_s=round(delay_s, 2))
    services.ledger.deliver_later(
        *(entry, delay_s, f"the result could not be stored: {error}"),
        fault=not isinstance(error, _NO_FAULTS),
    )
    raise Ignore


def _delay_s(services: Services, entry: Entry, error: StorageError | ApiError) -> float:
    if isinstance(error, OtherStorage):
        return retries.for_another(entry.deliveries)
    delay_s = retries.retry_storage(services.spacing_s, entry.faults)
    return max(delay_s, error.retry_after_s or 0) if isinstance(error, ComeLater) else delay_s


def _is_hopeless(services: Services, entry: Entry, error: StorageError | ApiError) -> bool:
    """What is no fault is waited out for as long as the service keeps the result."""
    if isinstance(error, OtherStorage) and not _is_at_the_service(entry):
        return entry.result_age_s > services.limits.hold_s
    if isinstance(error, _NO_FAULTS):
        return _is_gone(entry)
    return entry.faults >= services.settings.storage_retries


def _give_up(services: Services, entry: Entry, error: StorageError | ApiError) -> Entry:
    log.error("store_given_up", reason=str(error))
    waited = isinstance(error, OtherStorage) or not isinstance(error, StorageError)
    if waited and _is_at_the_service(entry) and _is_gone(entry):
        message = "ConvertAPI no longer keeps the paid result. A replay converts and pays again."
        failure = Failure(FailureKind.EXPIRED, message, reason=Reason.FORGOTTEN)
        return services.ledger.expired(entry, failure) or _current(services, entry)
    said = str(error).rstrip(".")
    message = (
        f"{said[:1].upper()}{said[1:]}. The result is paid. Replay it within three hours to fetch "
        "it."
    )
    failure = _failure_of(error, message)
    return services.ledger.failed(entry, failure) or _current(services, entry)


def _failure_of(error: StorageError | ApiError, message: str) -> Failure:
    if isinstance(error, TooLarge):
        return Failure(FailureKind.STORAGE, message, reason=Reason.TOO_LARGE)
    if isinstance(error, StorageError):
        return Failure(FailureKind.STORAGE, message, reason=Reason.STORAGE)
    return Failure(FailureKind.SERVICE, message, reason=Reason.SERVICE)


def _is_at_the_service(entry: Entry) -> bool:
    """Whether a file is to be fetched; what came in an answer itself lies in the storage."""
    return entry.result is None or not all(remote.kept for remote in entry.result.files)


def _is_gone(entry: Entry) -> bool:
    return entry.result_age_s > rules.FILE_LIFE_S


def _current(services: Services, entry: Entry) -> Entry:
    """The conversion as it is now, where another has ended it.

    Raises:
        Ignore: It was deleted, or Redis has lost it.
    """
    current = services.ledger.find(entry.id)
    if current is None:
        raise Ignore
    return current
