"""Cancelling: for the caller's `cancel()`, and for Celery's ``revoke()``."""

from __future__ import annotations

import logging

from conveyor.ledger import Entry, Ledger
from conveyor.messaging import bells
from conveyor.messaging.publishing import Publisher

__all__ = ["cancel"]

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
    cancelled = ledger.cancelled(entry)
    if cancelled is not None:
        try:
            bells.deliver(publisher, cancelled)
        except Exception as error:  # noqa: BLE001 - whatever a publisher raises
            # The caller does not know yet, so it is due, and the sweep rings.
            log.warning("A cancellation is told later: %s", type(error).__name__)
    return cancelled
