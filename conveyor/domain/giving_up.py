"""When a conversion is given up: its deadlines, and what it ends with after them."""

from __future__ import annotations

from datetime import UTC, datetime

from conveyor.domain.conversion import Failure, FailureKind, Reason
from conveyor.domain.entry import Entry
from conveyor.domain.failures import MAY_PAY_TWICE
from conveyor.domain.next_steps import Bury, Expire, Limits, PollAgain, SubmitAgain

__all__ = ["held_too_long", "missed_deadline", "unless_over", "waited_too_long"]


def waited_too_long(entry: Entry, reason: str, limits: Limits) -> Failure | None:
    """Whether a conversion has waited too long to be submitted.

    Args:
        entry: The conversion, queued.
        reason: What holds it up, in words.
        limits: When to give up.

    Returns:
        What it ends with; None where it may go on waiting.
    """
    if entry.waiting_s < limits.submit_s:
        return None
    message = (
        f"Not submitted in {limits.submit_s / 3600:.1f} h: {reason}. {_paid_so_far(entry)} Replay "
        "it once the service answers again."
    )
    return Failure(FailureKind.SERVICE, message, reason=Reason.WAITED_TOO_LONG)


def held_too_long(
    entry: Entry, reason: str, limits: Limits, *, because: Reason = Reason.WAITED_TOO_LONG
) -> Failure | None:
    """Tell whether it has waited too long for its account: for a hold, or for a free job.

    Args:
        entry: The conversion, queued.
        reason: What holds it up, in words.
        limits: When to give up.
        because: Why it ends, where more is known than that it waited.

    Returns:
        What it ends with; None where it may go on waiting.
    """
    if max(entry.held_s, entry.waiting_s) < limits.hold_s:
        return None
    days = limits.hold_s / (24 * 3600)
    message = (
        f"Not submitted in {days:.1f} days: {reason}. {_paid_so_far(entry)} Repair that, "
        "then replay it."
    )
    return Failure(FailureKind.ACCOUNT, message, reason=because)


def missed_deadline(entry: Entry) -> Failure:
    """What a conversion ends with that had not begun when its deadline passed.

    Args:
        entry: The conversion, queued.
    """
    at = datetime.fromtimestamp(entry.deadline_at or 0.0, UTC).isoformat(timespec="seconds")
    why = f" ({entry.note})" if entry.note else ""
    message = (
        f"It had not begun by its deadline, {at}{why}. {_paid_so_far(entry)} Convert it again with "
        "a later deadline if you still need it."
    )
    return Failure(FailureKind.CANCELLED, message, reason=Reason.MISSED_DEADLINE)


def _paid_so_far(entry: Entry) -> str:
    """What may have been paid is never called unpaid."""
    if entry.lost:
        return "ConvertAPI had no job after an unclear submit, so nothing should be paid."
    return "Nothing was paid."


def unless_over(
    again: PollAgain, entry: Entry, limits: Limits
) -> PollAgain | Bury | Expire | SubmitAgain:
    """The one deadline of a job: after its life at the service nothing is asked for any more.

    Args:
        again: The poll that would come next.
        entry: The conversion, converting.
        limits: When to give up.

    Returns:
        The poll, or what the conversion ends with where the deadline is over. A replay that asks
        for its old job is submitted anew.
    """
    if entry.job_age_s < limits.job_s:
        return again
    hours = f"{limits.job_s / 3600:.1f} h"
    if entry.confirmed or again.confirmed:
        message = (
            f"ConvertAPI returned no result in {hours}, longer than it keeps a job. A replay "
            "converts and pays again."
        )
        return Expire(Failure(FailureKind.EXPIRED, message, reason=Reason.FORGOTTEN))
    if entry.asking:
        return SubmitAgain("the old job has expired", pays_anew=True)
    message = (
        f"ConvertAPI did not say in {hours} whether it has the job "
        f"({again.note or 'no answer'}). {MAY_PAY_TWICE}"
    )
    return Bury(Failure(FailureKind.POSSIBLY_PAID, message, reason=Reason.POSSIBLY_PAID))
