"""Cancelling: for the caller's `cancel()`, for Celery's ``revoke()``, and for deadlines."""

from __future__ import annotations

import logging

from conveyor.ledger import Entry, Ledger
from conveyor.messaging import bells
from conveyor.messaging.publishing import Publisher

__all__ = ["cancel", "cancel_if_late", "current"]

log = logging.getLogger(__name__)


def cancel(publisher: Publisher, ledger: Ledger, entry: Entry) -> Entry | None:
    """Cancel a conversion and deliver the cancellation to its caller.

    Args:
        publisher: Where the message is sent.
        ledger: The truth.
        entry: The conversion.

    Returns:
        The conversion, cancelled; None where it had ended before.

    Raises:
        LedgerUnavailable: Redis can't be reached.
    """
    return _told(publisher, ledger.cancelled(entry))


def cancel_if_late(publisher: Publisher, ledger: Ledger, entry: Entry) -> Entry | None:
    """Cancel a conversion that had not begun when its deadline passed, and tell its caller.

    Args:
        publisher: Where the message is sent.
        ledger: The truth.
        entry: The conversion.

    Returns:
        The conversion, cancelled; None where its time has not come, or it has begun.

    Raises:
        LedgerUnavailable: Redis can't be reached.
    """
    return _told(publisher, ledger.too_late(entry)) if entry.is_late else None


def current(publisher: Publisher, ledger: Ledger, conversion_id: str) -> Entry:
    """A conversion as it stands. Where no worker ends it at its deadline, whoever waits does.

    Args:
        publisher: Where the message is sent.
        ledger: The truth.
        conversion_id: The conversion's id.

    Raises:
        UnknownConversion: There is none.
        LedgerUnavailable: Redis can't be reached.
    """
    entry = ledger.get(conversion_id)
    return cancel_if_late(publisher, ledger, entry) or entry


def _told(publisher: Publisher, cancelled: Entry | None) -> Entry | None:
    if cancelled is not None:
        try:
            bells.deliver(publisher, cancelled)
        except Exception as error:  # noqa: BLE001 - whatever a publisher raises
            # The caller does not know yet, so it is due, and the sweep rings.
            log.warning("A cancellation is told later: %s", type(error).__name__)
    return cancelled
