"""What a replay does: it fetches a paid result, asks for the old job, or starts a new one."""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from kombu.exceptions import OperationalError

from conveyor.dead.reading import no_such
from conveyor.domain import rules
from conveyor.domain.conversion import FailureKind, State
from conveyor.domain.timeouts import TIMEOUT_OUT_OF_BOUNDS
from conveyor.errors import InvalidRequest
from conveyor.ledger import Entry, Ledger
from conveyor.ledger.left_behind import everything_of
from conveyor.ledger.leftover import Leftover
from conveyor.messaging import bells
from conveyor.messaging.publishing import Publisher

__all__ = ["check_timeout", "is_paid_result", "left_by", "may_be_asked", "replay"]

# The service's own bounds for `Timeout`.
# Nobody knows what became of the job: it is asked for before another is paid.
_UNCLEAR: Final = frozenset(
    {FailureKind.POSSIBLY_PAID, FailureKind.UNREADABLE, FailureKind.INTERNAL}
)


def check_timeout(timeout_s: int | None) -> None:
    """Refuse a ``Timeout`` for a replay's new job that the service would refuse.

    Args:
        timeout_s: The parameter; None leaves it as it is.

    Raises:
        InvalidRequest: It is out of bounds.
    """
    if timeout_s is not None and timeout_s not in rules.TIMEOUTS_S:
        raise InvalidRequest(TIMEOUT_OUT_OF_BOUNDS)


def replay(ledger: Ledger, publisher: Publisher, dead: Entry, timeout_s: int | None) -> Entry:
    """Set a dead letter on its way again, by the way that costs least.

    Args:
        ledger: Has it.
        publisher: Sends the message of a delivery.
        dead: The dead letter.
        timeout_s: The parameter ``Timeout`` of a new job, checked; None leaves it as it is.

    Returns:
        The conversion on its way.

    Raises:
        UnknownConversion: It is no dead letter any more.
    """
    entry = _due_again(ledger, dead, timeout_s)
    if entry is None:
        raise no_such(dead.id)
    if entry.state is State.READY:
        # Without the message the sweep rings for it: it is due.
        with suppress(OperationalError):
            bells.deliver(publisher, entry)
    return entry


def _due_again(ledger: Ledger, dead: Entry, timeout_s: int | None) -> Entry | None:
    if is_paid_result(dead):
        return ledger.redeliver(dead)
    if may_be_asked(dead):
        return ledger.ask_again(dead)
    return ledger.replay(dead, timeout_s, left_by(dead))


def is_paid_result(entry: Entry) -> bool:
    """Whether the service still keeps a result that was paid and not stored.

    Args:
        entry: A dead letter.
    """
    is_kept = entry.result is not None and entry.result_age_s < rules.FILE_LIFE_S
    return entry.state is State.FAILED and is_kept


def may_be_asked(entry: Entry) -> bool:
    """Whether its job may have been paid, and the service may still know it.

    Args:
        entry: A dead letter.
    """
    is_unclear = entry.failure is not None and entry.failure.kind in _UNCLEAR
    is_known = bool(entry.job_id) and entry.submits > 0 and entry.job_age_s < rules.JOB_LIFE_S
    return entry.state is State.FAILED and is_unclear and is_known


def left_by(entry: Entry) -> list[Leftover]:
    """What a dead letter still has at the service, once nobody asks for it any more.

    Args:
        entry: The dead letter.
    """
    return everything_of(entry, entry.since_s(entry.finished_at or entry.created_at))
