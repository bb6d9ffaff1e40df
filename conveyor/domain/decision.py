"""What an answer means: pure functions from an answer and the entry to what happens next.

The protocol's tables stand here, once, and its codes in `conveyor.domain.rules`.

Pay once (invariant I1) rests on three rules:

1. After an unclear end of a POST the job is asked for. Only a proof allows another POST.
2. A 404 is a proof only if it is the second one, and comes later than any gateway holds a request
   (`Limits.proof_s`, or `Limits.proof_closed_s` where the connection closed at once), from a host
   that would know the job.
3. A refusal of a repeated POST says that the first may live: the job is asked for again.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

from conveyor.domain import rules
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
from conveyor.domain.conversion import Failure, FailureKind
from conveyor.domain.entry import Entry
from conveyor.domain.failures import failure_of
from conveyor.domain.next_steps import AskFirst, Bury, Expire, Hold, Limits, PollAgain, SubmitAgain

__all__ = [
    "after_poll",
    "after_submit",
    "denied",
    "held_too_long",
    "waited_too_long",
]

_LIMITS: Final = Limits()
_MAY_PAY_TWICE: Final = (
    "The job may have been paid. A replay asks for that job first, while the service may still "
    "know it, and else may pay again. Check the account."
)
# "At most two hours", says the seed: near their end a 404 may mean "no longer".
_PROOF_SHARE: Final = 0.5
_MOST_DENIALS: Final = 2
# Three minutes or so: a result that breaks off again and again is not asked for a hundred times.
_MOST_PAID_FAILURES: Final = 6
_JOB_ID: Final = re.compile(r"job\s*id", re.IGNORECASE)
_KNOWN: Final = re.compile(r"already|duplicate|exist|in use|taken|used", re.IGNORECASE)

_NOT_FOUND: Final = 404
_CONFLICT: Final = 409
_UPLOADS_LOST: Final = "ConvertAPI no longer has the uploaded files. Conveyor uploads them again"


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
            return _refused(Failed(_NOT_FOUND, 0, said), entry, limits, is_well=account_is_well)
        case Failed():
            return _refused(answer, entry, limits, is_well=account_is_well)


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
            return _unless_over(PollAgain(confirmed=True, failed=False), entry, limits)
        case Busy(retry_after_s):
            # "Never a failure", says the protocol: not even many of them are one.
            busy = PollAgain(False, False, "ConvertAPI was busy", retry_after_s or 0.0)
            return _unless_over(busy, entry, limits)
        case NotFound():
            return _after_not_found(entry, limits)
        case Failed():
            return _lost_uploads(answer, entry) or Bury(failure_of(answer))
        case Lost(reason, paid=True) if entry.consecutive_failures >= _MOST_PAID_FAILURES:
            return _unreadable(Unreadable(reason, ""))
        case Lost(reason, status):
            return _after_silence(reason, status, entry, limits)
        case Unsent(reason):
            return _after_silence(f"ConvertAPI can't be reached: {reason}", 0, entry, limits)


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
    return Failure(FailureKind.SERVICE, message)


def held_too_long(entry: Entry, reason: str, limits: Limits) -> Failure | None:
    """Tell whether it has waited too long for its account: for a hold, or for a free job."""
    if max(entry.held_s, entry.waiting_s) < limits.hold_s:
        return None
    days = limits.hold_s / (24 * 3600)
    message = (
        f"Not submitted in {days:.1f} days: {reason}. {_paid_so_far(entry)} Repair that, "
        "then replay it."
    )
    return Failure(FailureKind.ACCOUNT, message)


def _paid_so_far(entry: Entry) -> str:
    """What may have been paid is never called unpaid."""
    if entry.lost:
        return "ConvertAPI had no job after an unclear submit, so nothing should be paid."
    return "Nothing was paid."


def _unreadable(answer: Unreadable) -> Bury:
    message = (
        "ConvertAPI finished the conversion, so it is paid, but its answer can't be read: "
        f"{answer.reason}. Replay it: Conveyor asks for the same job before it pays again."
    )
    failure = Failure(FailureKind.UNREADABLE, message, status=200, answer=answer.answer)
    return Bury(failure, answer.cost)


def _after_loss(answer: Lost, entry: Entry) -> AskFirst:
    note = f"the answer to the submit was lost: {answer.reason}"
    if answer.paid:
        refusal = _unreadable(Unreadable(answer.reason, "")).failure
    elif _is_taken(answer.reason, answer.status) or (entry.lost and answer.status == _CONFLICT):
        refusal = _taken_before(answer.reason, answer.status)
    else:
        refusal = None
    return AskFirst(note, answer.closed_at_once, refusal)


def _refused(
    answer: Failed, entry: Entry, limits: Limits, *, is_well: bool
) -> AskFirst | SubmitAgain | Hold | Bury:
    failure = failure_of(answer)
    is_account = failure.kind is FailureKind.ACCOUNT
    decided = denied(failure, entry, limits, is_well=is_well) if is_account else None
    if isinstance(decided, Hold):
        return decided
    if _is_taken(answer.message, answer.status):
        failure = _taken_before(answer.message, answer.status)
    if entry.lost or _JOB_ID.search(answer.message):
        # The first POST may have arrived after all, and the service refuses a second.
        return AskFirst("the service refused a repeated submit", refusal=failure)
    return decided or _lost_uploads(answer, entry) or Bury(failure)


def _is_taken(words: str, status: int) -> bool:
    """Whether a refusal says that there is a job of this id, and not that the id is none."""
    is_known = status == _CONFLICT or _KNOWN.search(words) is not None
    return is_known and _JOB_ID.search(words) is not None


def _taken_before(words: str, status: int) -> Failure:
    """The service says that it has the job already. Where it can't be found, it may be paid."""
    said = " ".join(words.split()).rstrip(".")
    message = f"ConvertAPI refused a submit ({said}), but does not know the job. {_MAY_PAY_TWICE}"
    return Failure(FailureKind.POSSIBLY_PAID, message, status=status)


def _lost_uploads(answer: Failed | Failure, entry: Entry) -> SubmitAgain | None:
    """Files that we uploaded, and that the service has lost, are uploaded again, once."""
    if answer.code != rules.FILE_ID_UNKNOWN or not entry.uploads or entry.reuploaded:
        return None
    return SubmitAgain(_UPLOADS_LOST, reupload=True)


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
    too_long = held_too_long(entry, failure.message, limits) if entry.held_at else None
    if too_long is not None:
        return Bury(too_long)
    if not is_well or entry.denials < _MOST_DENIALS:
        return Hold(failure)
    message = (
        f"{failure.message} The account is active, but ConvertAPI refuses this conversion. Check "
        "whether your plan includes it."
    )
    return Bury(Failure(FailureKind.ACCOUNT, message, failure.code, failure.status))


def _submit_again(reason: str, entry: Entry, limits: Limits) -> SubmitAgain | Bury:
    failure = waited_too_long(entry, reason, limits)
    return Bury(failure) if failure else SubmitAgain(reason)


def _unless_over(
    again: PollAgain, entry: Entry, limits: Limits
) -> PollAgain | Bury | Expire | SubmitAgain:
    """The one deadline of a job: after its life at the service nothing is asked for any more."""
    if entry.job_age_s < limits.job_s:
        return again
    hours = f"{limits.job_s / 3600:.1f} h"
    if entry.confirmed or again.confirmed:
        message = (
            f"ConvertAPI returned no result in {hours}, longer than it keeps a job. A replay "
            "converts and pays again."
        )
        return Expire(Failure(FailureKind.EXPIRED, message))
    if entry.asking:
        return SubmitAgain("the old job has expired", pays_anew=True)
    message = (
        f"ConvertAPI did not say in {hours} whether it has the job "
        f"({again.note or 'no answer'}). {_MAY_PAY_TWICE}"
    )
    return Bury(Failure(FailureKind.POSSIBLY_PAID, message))


def _after_not_found(entry: Entry, limits: Limits) -> PollAgain | SubmitAgain | Bury | Expire:
    proof_in_s = _proof_in_s(entry, limits)
    if not entry.missing or proof_in_s > 0 or (entry.confirmed and _is_anycast(entry)):
        note = "ConvertAPI does not know the job, which proves nothing yet"
        again = PollAgain(False, False, note, missing=True, proof_in_s=max(proof_in_s, 0.0))
        return _unless_over(again, entry, limits)
    if entry.confirmed:
        message = (
            "ConvertAPI no longer knows the job, and its result was not fetched. A replay "
            "converts and pays again."
        )
        return Expire(Failure(FailureKind.EXPIRED, message, status=_NOT_FOUND))
    if entry.asking:
        return SubmitAgain("ConvertAPI does not know the old job", pays_anew=True)
    return _after_proof(entry, limits)


def _proof_in_s(entry: Entry, limits: Limits) -> float:
    """Seconds until a 404 proves that the POST never arrived; 0 or less where it does.

    Where nobody noted how the POST ended, its process has died: the first 404 came after that.
    """
    if entry.confirmed:
        return 0.0
    window_s = limits.proof_closed_s if entry.unclear == "closed" else limits.proof_s
    since = entry.missing_at if entry.unclear_at is None else entry.unclear_at
    return window_s - entry.since_s(since)


def _after_proof(entry: Entry, limits: Limits) -> SubmitAgain | Bury:
    if entry.refusal is not None and entry.refusal.kind is FailureKind.UNREADABLE:
        # A result was seen, so it has been paid, whatever became of its job.
        return Bury(entry.refusal, cost=1)
    unknown = _why_unknown(entry)
    if unknown and not limits.may_repay:
        message = f"The answer to the submit was lost, and {unknown}. {_MAY_PAY_TWICE}"
        return Bury(Failure(FailureKind.POSSIBLY_PAID, message, status=_NOT_FOUND))
    if entry.refusal is not None:
        # No job has turned up: the refusal was meant as it was said.
        return _lost_uploads(entry.refusal, entry) or Bury(entry.refusal)
    if entry.submits < limits.submits:
        return SubmitAgain("the submit did not arrive")
    message = (
        f"{entry.submits} submits were lost on the way, and ConvertAPI has no job. Nothing should "
        "be paid. Replay it once the network works."
    )
    return Bury(Failure(FailureKind.SERVICE, message, status=_NOT_FOUND))


def _why_unknown(entry: Entry) -> str:
    """Why a 404 does not prove that a submit never arrived; empty where it does."""
    if entry.foreign_ids:
        return "this service assigns its own job ids, so Conveyor can't ask for the job"
    if _is_anycast(entry):
        return "this host routes to the nearest data centre, which may not have the job"
    if entry.job_age_s > rules.JOB_LIFE_S * _PROOF_SHARE:
        return "the service may have forgotten the job by now"
    return ""


def _is_anycast(entry: Entry) -> bool:
    """Whether the host is routed to the nearest data centre: then a 404 proves nothing."""
    return urlsplit(entry.base_url).hostname == rules.HOST


def _after_silence(
    reason: str, status: int, entry: Entry, limits: Limits
) -> PollAgain | Bury | Expire | SubmitAgain:
    if entry.consecutive_failures < limits.consecutive_failures:
        again = PollAgain(confirmed=False, failed=True, note=reason)
        return _unless_over(again, entry, limits)
    message = (
        f"{entry.consecutive_failures + 1} polls in a row got no answer from ConvertAPI: "
        f"{reason}. {_MAY_PAY_TWICE}"
    )
    return Bury(Failure(FailureKind.POSSIBLY_PAID, message, status=status))
