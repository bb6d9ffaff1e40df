"""Cancelling: for the caller's `cancel()`, and for Celery's ``revoke()``."""

from __future__ import annotations

import logging

from celery import Celery

from conveyor import wakeups
from conveyor.ledger import Entry, Ledger

__all__ = ["cancel"]

log = logging.getLogger(__name__)


def cancel(app: Celery, ledger: Ledger, entry: Entry) -> Entry | None:
    """Cancel a conversion, and have its caller told.

    Args:
        app: To send the message through.
        ledger: The truth.
        entry: The conversion.

    Returns:
        The conversion, cancelled; None where it had ended before.

    Raises:
        LedgerUnavailable: Redis can't be reached.
    """
    cancelled = ledger.cancelled(entry)
    if cancelled is not None:
        try:
            wakeups.wake(app, cancelled)
        except Exception as error:  # noqa: BLE001 - whatever a publisher raises
            # The caller does not know yet, so the sweep sends another.
            log.warning("A cancellation is told later: %s", type(error).__name__)
    return cancelled
