"""Deleting: a conversion goes with all that it left, now or once its caller knows its end."""

from __future__ import annotations

from conveyor.domain.deletion import Deletion
from conveyor.ledger import Entry, Ledger
from conveyor.ledger.left_behind import everything_of
from conveyor.messaging.cancelling import cancel
from conveyor.messaging.publishing import Publisher
from conveyor.storage.names import staged_tokens

__all__ = ["delete", "erase"]


def delete(publisher: Publisher, ledger: Ledger, conversion_id: str) -> Deletion:
    """Have a conversion deleted with all that it left. One that still runs is cancelled first.

    Each step is on record before the next begins. Whatever is lost here, workers bring it through.

    Args:
        publisher: Where a cancellation is sent.
        ledger: The truth.
        conversion_id: The conversion's id.

    Returns:
        How far it is. The same for each repeat.

    Raises:
        UnknownConversion: There is none.
        LedgerUnavailable: Redis can't be reached.
    """
    entry = ledger.find(conversion_id)
    if entry is not None and entry.deleted_at is None and not erase(ledger, entry):
        ledger.erase_later(conversion_id)
        cancel(publisher, ledger, entry)
    deletion = ledger.deletion(conversion_id)
    if deletion is None:
        # Says whether it was lost or never was. It may have been replayed or purged in between.
        ledger.get(conversion_id)
        return delete(publisher, ledger, conversion_id)
    return deletion


def erase(ledger: Ledger, entry: Entry) -> bool:
    """Leave a tombstone of a conversion, if its caller knows the outcome.

    Args:
        ledger: The truth.
        entry: The conversion.

    Returns:
        Whether it was done.

    Raises:
        LedgerUnavailable: Redis can't be reached.
    """
    if not (entry.state.is_final and entry.delivered):
        return False
    age_s = entry.since_s(entry.finished_at or entry.created_at)
    # A signature's folders are its own: it may run again.
    staged = [] if entry.shared else staged_tokens(entry.request.addresses)
    return ledger.erase(entry, everything_of(entry, age_s), staged)
