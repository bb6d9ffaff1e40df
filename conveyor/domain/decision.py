"""What an answer means: pure functions from an answer and the entry to what happens next.

The protocol's tables stand here, once, and its codes in `conveyor.domain.rules`.

Pay once (invariant I1) rests on three rules:

1. After an unclear end of a POST the job is asked for. Only a proof allows another POST.
2. A 404 is a proof only sometimes: see `conveyor.domain.missing_jobs`.
3. A refusal of a repeated POST says that the first may live: the job is asked for again
   (`conveyor.domain.refused_submits`).
"""

from __future__ import annotations

from typing import Final

from conveyor.domain.answers import (
    Busy,
    Failed,
    Finished,
    InProgress,
    Lost,
    NotFound,
    PollAnswer,
    Started,
    SubmitAnswer,
    Throttled,
    Unreadable,
    Unsent,
)
from conveyor.domain.conversion import Failure, FailureKind, Reason
from conveyor.domain.entry import Entry
from conveyor.domain.failures import MAY_PAY_TWICE, NOT_FOUND, failure_of
from conveyor.domain.giving_up import unless_over, waited_too_long
from conveyor.domain.missing_jobs import after_not_found
from conveyor.domain.next_steps import AskFirst, Bury, Expire, Hold, Limits, PollAgain, SubmitAgain
from conveyor.domain.refused_submits import (
    CONFLICT,
    is_taken,
    lost_uploads,
    refused,
    taken_before,
)

__all__ = ["after_poll", "after_submit"]

_LIMITS: Final = Limits()
# Three minutes or so: a result that breaks off again and again is not asked for a hundred times.
_MOST_PAID_FAILURES: Final = 6


def after_submit(  # noqa: PLR0911 - one return for each kind of answer
    answer: SubmitAnswer,
    entry: Entry,
    limits: Limits = _LIMITS,
    *,
    account_is_well: bool = False,
) -> Started | Finished | AskFirst | SubmitAgain | Hold | Bury:
    """Decide after a POST.

    Args:
        answer: Its answer.
        entry: As it was when the POST began.
        limits: When to give up.
        account_is_well: Whether the service said so a short while ago.

    Returns:
        What happens next.
    """
    match answer:
        case Started() | Finished():
            return answer
        case Unreadable():
            return _unreadable(answer)
        case Lost():
            return _after_loss(answer, entry)
        case Throttled():
            return _submit_again("ConvertAPI is throttling", entry, limits)
        case Unsent(reason):
            return _submit_again(f"ConvertAPI can't be reached: {reason}", entry, limits)
        case NotFound(message):
            said = message or "there is no such address at the service"
            return refused(Failed(NOT_FOUND, 0, said), entry, limits, is_well=account_is_well)
        case Failed():
            return refused(answer, entry, limits, is_well=account_is_well)


def after_poll(  # noqa: PLR0911 - one return for each kind of answer
    answer: PollAnswer, entry: Entry, limits: Limits = _LIMITS
) -> Finished | PollAgain | SubmitAgain | Bury | Expire:
    """Decide after a poll.

    Args:
        answer: Its answer.
        entry: As it was when the poll began.
        limits: When to give up.

    Returns:
        What happens next.
    """
    match answer:
        case Finished():
            return answer
        case Unreadable():
            return _unreadable(answer)
        case InProgress():
            return unless_over(PollAgain(confirmed=True, failed=False), entry, limits)
        case Busy(retry_after_s):
            # "Never a failure", says the protocol: not even many of them are one.
            busy = PollAgain(False, False, "ConvertAPI was busy", retry_after_s or 0.0)
            return unless_over(busy, entry, limits)
        case NotFound():
            return after_not_found(entry, limits)
        case Failed():
            return lost_uploads(answer, entry) or Bury(failure_of(answer))
        case Lost(reason, paid=True) if entry.consecutive_failures >= _MOST_PAID_FAILURES:
            return _unreadable(Unreadable(reason, ""))
        case Lost(reason, status):
            return _after_silence(reason, status, entry, limits)
        case Unsent(reason):
            return _after_silence(f"ConvertAPI can't be reached: {reason}", 0, entry, limits)


def _unreadable(answer: Unreadable) -> Bury:
    message = (
        "ConvertAPI finished the conversion, so it is paid, but its answer can't be read: "
        f"{answer.reason}. Replay it: Conveyor asks for the same job before it pays again."
    )
    failure = Failure(
        *(FailureKind.UNREADABLE, message),
        status=200,
        answer=answer.answer,
        reason=Reason.UNREADABLE,
    )
    return Bury(failure, answer.cost)


def _after_loss(answer: Lost, entry: Entry) -> AskFirst:
    note = f"the answer to the submit was lost: {answer.reason}"
    if answer.paid:
        refusal = _unreadable(Unreadable(answer.reason, "")).failure
    elif is_taken(answer.reason, answer.status) or (entry.lost and answer.status == CONFLICT):
        refusal = taken_before(answer.reason, answer.status)
    else:
        refusal = None
    return AskFirst(note, answer.closed_at_once, refusal)


def _submit_again(reason: str, entry: Entry, limits: Limits) -> SubmitAgain | Bury:
    failure = waited_too_long(entry, reason, limits)
    return Bury(failure) if failure else SubmitAgain(reason)


def _after_silence(
    reason: str, status: int, entry: Entry, limits: Limits
) -> PollAgain | Bury | Expire | SubmitAgain:
    if entry.consecutive_failures < limits.consecutive_failures:
        again = PollAgain(confirmed=False, failed=True, note=reason)
        return unless_over(again, entry, limits)
    message = (
        f"{entry.consecutive_failures + 1} polls in a row got no answer from ConvertAPI: "
        f"{reason}. {MAY_PAY_TWICE}"
    )
    unclear = Reason.POSSIBLY_PAID
    return Bury(Failure(FailureKind.POSSIBLY_PAID, message, status=status, reason=unclear))
