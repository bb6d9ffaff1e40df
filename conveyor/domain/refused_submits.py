"""What it means that the service refuses a submit: of the job, its account, or its uploads."""

from __future__ import annotations

import re
from typing import Final

from conveyor.domain import rules
from conveyor.domain.answers import Failed
from conveyor.domain.conversion import Failure, FailureKind, Reason
from conveyor.domain.entry import Entry
from conveyor.domain.failures import MAY_PAY_TWICE, failure_of
from conveyor.domain.giving_up import held_too_long
from conveyor.domain.next_steps import AskFirst, Bury, Hold, Limits, SubmitAgain

__all__ = ["CONFLICT", "denied", "is_taken", "lost_uploads", "refused", "taken_before"]

CONFLICT: Final = 409
"""The HTTP status of a job id that is taken."""

_MOST_DENIALS: Final = 2
_JOB_ID: Final = re.compile(r"job\s*id", re.IGNORECASE)
_KNOWN: Final = re.compile(r"already|duplicate|exist|in use|taken|used", re.IGNORECASE)
_UPLOADS_LOST: Final = "ConvertAPI no longer has the uploaded files. Conveyor uploads them again"


def refused(
    answer: Failed, entry: Entry, limits: Limits, *, is_well: bool
) -> AskFirst | SubmitAgain | Hold | Bury:
    """Decide what a refused submit means.

    Args:
        answer: The service's error.
        entry: As it was when the POST began.
        limits: When to give up.
        is_well: Whether the service said a short while ago that the account is well.

    Returns:
        What happens next.
    """
    failure = failure_of(answer)
    is_account = failure.kind is FailureKind.ACCOUNT
    decided = denied(failure, entry, limits, is_well=is_well) if is_account else None
    if isinstance(decided, Hold):
        return decided
    if is_taken(answer.message, answer.status):
        failure = taken_before(answer.message, answer.status)
    if entry.lost or _JOB_ID.search(answer.message):
        # The first POST may have arrived after all, and the service refuses a second.
        return AskFirst("the service refused a repeated submit", refusal=failure)
    return decided or lost_uploads(answer, entry) or Bury(failure)


def denied(failure: Failure, entry: Entry, limits: Limits, *, is_well: bool) -> Hold | Bury:
    """Decide what a refusal of class ``account`` means.

    Args:
        failure: The refusal.
        entry: The conversion that was refused.
        limits: When to give up.
        is_well: Whether the service said a short while ago that the account is well.

    Returns:
        A hold of the account; this conversion's own end where the account was found well twice, or
        where it has waited for too long. One that is the probe each time it comes waits, too.
    """
    too_long = (
        held_too_long(entry, failure.message, limits, because=failure.reason)
        if entry.held_at
        else None
    )
    if too_long is not None:
        return Bury(too_long)
    if not is_well or entry.denials < _MOST_DENIALS:
        return Hold(failure)
    message = (
        f"{failure.message} The account is active, but ConvertAPI refuses this conversion. Check "
        "whether your plan includes it."
    )
    return Bury(
        Failure(
            *(FailureKind.ACCOUNT, message, failure.code, failure.status),
            reason=Reason.NOT_ALLOWED,
        )
    )


def is_taken(words: str, status: int) -> bool:
    """Whether a refusal says that there is a job of this id, and not that the id is none.

    Args:
        words: What the service says.
        status: The HTTP status.
    """
    is_known = status == CONFLICT or _KNOWN.search(words) is not None
    return is_known and _JOB_ID.search(words) is not None


def taken_before(words: str, status: int) -> Failure:
    """The service says that it has the job already. Where it can't be found, it may be paid.

    Args:
        words: What the service says.
        status: The HTTP status.

    Returns:
        What the conversion ends with where no job turns up.
    """
    said = " ".join(words.split()).rstrip(".")
    message = f"ConvertAPI refused a submit ({said}), but does not know the job. {MAY_PAY_TWICE}"
    unclear = Reason.POSSIBLY_PAID
    return Failure(FailureKind.POSSIBLY_PAID, message, status=status, reason=unclear)


def lost_uploads(answer: Failed | Failure, entry: Entry) -> SubmitAgain | None:
    """Files that we uploaded, and that the service has lost, are uploaded again, once.

    Args:
        answer: The service's error.
        entry: The conversion that it was answered for.

    Returns:
        The submit with new uploads; None where the error is another, or they were new already.
    """
    if answer.code != rules.FILE_ID_UNKNOWN or not entry.uploads or entry.reuploaded:
        return None
    return SubmitAgain(_UPLOADS_LOST, reupload=True)
