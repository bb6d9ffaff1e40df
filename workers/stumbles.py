"""Unexpected exceptions: counted on the conversion, and after a few it is a dead letter."""

from __future__ import annotations

from typing import Final

import structlog

from conveyor.domain import retries
from conveyor.domain.conversion import Failure, FailureKind, Reason
from conveyor.errors import NewerEntry, UnreadableConversion
from conveyor.ledger import Entry
from conveyor.messaging import bells
from workers.services import Services

__all__ = ["internal_failure", "put_aside", "stumble"]

# A bug is not cured by trying, but what one worker lacks another may have.
_MOST: Final = 3
# An outcome that can't be brought to its caller is tried for an hour or so.
_MOST_OF_ENDED: Final = 60

log = structlog.get_logger("conveyor.task")


def stumble(services: Services, conversion_id: str) -> bool:
    """Count an unexpected exception of a task and make its conversion due again.

    Args:
        services: What the process works with.
        conversion_id: The conversion's id.

    Returns:
        Whether there is such a conversion.

    Raises:
        LedgerUnavailable: Redis can't be reached.
    """
    entry = services.ledger.find(conversion_id)
    if entry is None:
        return False
    if not entry.delivered:
        noted = services.ledger.stumbled(entry, retries.after_stumble(entry.stumbles))
        if noted is not None:
            _end_if_hopeless(services, noted)
    return True


def put_aside(services: Services, error: UnreadableConversion) -> None:
    """Put an entry aside that can't be read. A newer version's is left to its own workers.

    Args:
        services: What the process works with.
        error: What reading it has raised.

    Raises:
        LedgerUnavailable: Redis can't be reached.
    """
    if isinstance(error, NewerEntry):
        log.info("newer_entry")
    elif services.ledger.set_aside([error.conversion_id]):
        log.error("unreadable_entry")


def internal_failure(entry: Entry | None = None) -> Failure:
    """What a conversion ends with that made Conveyor stumble.

    Args:
        entry: The conversion; None where it was not accepted yet.
    """
    paid = (
        "It may have been paid: a" if entry is not None and entry.submits else "Nothing was paid. A"
    )
    message = (
        f"An unexpected error in Conveyor. The worker's log has the traceback. {paid} replay "
        "tries it again."
    )
    return Failure(FailureKind.INTERNAL, message, reason=Reason.INTERNAL)


def _end_if_hopeless(services: Services, entry: Entry) -> None:
    if entry.state.is_final:
        if entry.stumbles >= _MOST_OF_ENDED:
            log.error("outcome_not_delivered", state=entry.state.value)
            services.ledger.delivered(entry.id, is_dead=entry.state.is_dead)
    elif entry.stumbles >= _MOST:
        buried = services.ledger.failed(entry, internal_failure(entry))
        if buried is not None:
            bells.deliver(services.publisher, buried)
