"""What an answer means: pure functions from an answer and the entry to what happens next.

The protocol's tables stand here, once. Failures are told by class, never by codes 5005 to 5007,
whose meaning the vendor has changed.

Pay once (invariant I1) rests on three rules:

1. After an unclear end of a POST the job is asked for. Only a proof allows another POST.
2. A 404 is a proof only if it is the second one, and comes later than any gateway holds a request
   (`Limits.proof_s`, or `Limits.proof_closed_s` where the connection closed at once), from a host
   that would know the job.
3. A refusal of a repeated POST says that the first may live: the job is asked for again.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

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
from conveyor.domain.schedule import JOB_LIFE_S, JOB_MARGIN_S

__all__ = [
    "AskFirst",
    "Bury",
    "Expire",
    "Hold",
    "Limits",
    "PollAgain",
    "SubmitAgain",
    "after_poll",
    "after_submit",
    "denied",
    "failure_of",
    "held_too_long",
    "waited_too_long",
]

_MAY_PAY_TWICE: Final = (
    "The job may have been paid. A replay asks for it first, as long as the service may know it, "
    "and else may pay a second time: look at the account."
)
# "At most two hours", says the seed: near their end a 404 may mean "no longer".
_PROOF_SHARE: Final = 0.5
_MOST_DENIALS: Final = 2
# Three minutes or so: a result that breaks off again and again is not asked for a hundred times.
_MOST_PAID_FAILURES: Final = 6
_ANYCAST_HOST: Final = "v2.convertapi.com"
_JOB_ID: Final = re.compile(r"job\s*id", re.IGNORECASE)
_KNOWN: Final = re.compile(r"already|duplicate|exist|in use|taken|used", re.IGNORECASE)

_INPUT_CODES: Final = frozenset({5002, 5003, 5004, 5008, 5009})
_ACCOUNT_CODES: Final = frozenset(range(4010, 4018))
_ACCOUNT_STATUSES: Final = frozenset({401, 402, 403})
_NOT_FOUND: Final = 404
_CONFLICT: Final = 409
_SERVER_ERROR: Final = 500
_UNSUPPORTED: Final = 415
_FILE_ID_CODE: Final = 5009
_UPLOADS_LOST: Final = "ConvertAPI no longer has the uploaded files: they are uploaded again"

_CURE_BY_CODE: Final = {
    4014: "The balance is used up: buy conversions, then: conveyor account resume.",
    5000: "It took too long: convert it again with a longer Timeout (up to 1200 s).",
    5002: "The document is damaged or of another format: check the file and its format.",
    5003: "The document is protected: give the parameter Password.",
    5008: "ConvertAPI could not fetch the source: its URL must answer 200 without a login.",
    5009: "The FileId is wrong or older than three hours: give the file again.",
}
_CURE_BY_KIND: Final = {
    FailureKind.INPUT: "Check the document and the parameters.",
    FailureKind.ACCOUNT: (
        "Check CONVEYOR_API_SECRET and the account, then: conveyor account resume."
    ),
    FailureKind.SERVICE: "Replay it later.",
}


@dataclass(frozen=True, slots=True)
class Limits:
    """When something that brings nothing is given up.

    Attributes:
        submits: POSTs of one conversion; each but the last was proved lost.
        consecutive_failures: Answers in a row that say nothing of the job.
        submit_s: Seconds that a conversion may wait to be submitted.
        hold_s: Seconds that it may wait for an account on hold.
        job_s: Seconds after its POST until a job is given up, whatever is answered.
        proof_s: Seconds after an unclear POST before a 404 proves anything.
        proof_closed_s: The same where the connection closed at once: no gateway holds the POST.
        may_repay: Whether a submit is repeated where nobody can tell if the first was paid.
    """

    submits: int = 3
    consecutive_failures: int = 100
    submit_s: float = JOB_LIFE_S
    hold_s: float = 7 * 24 * 3600.0
    job_s: float = JOB_LIFE_S + JOB_MARGIN_S
    proof_s: float = 120.0
    proof_closed_s: float = 15.0
    may_repay: bool = False


@dataclass(frozen=True, slots=True)
class PollAgain:
    """Not yet.

    Attributes:
        confirmed: Whether the answer shows that the service has the job.
        failed: Whether the answer said nothing of the job.
        note: What holds it up, in words.
        retry_after_s: As long as the service asks for, seconds; 0 where it does not.
        missing: Whether the service does not know the job, which proves nothing yet.
        proof_in_s: Then: seconds until it would.
    """

    confirmed: bool
    failed: bool
    note: str = ""
    retry_after_s: float = 0.0
    missing: bool = False
    proof_in_s: float = 0.0


@dataclass(frozen=True, slots=True)
class AskFirst:
    """The paid POST may have been taken: poll our job id before anything is paid again.

    Attributes:
        note: Why, in words.
        closed_at_once: Whether the connection closed at once, so that no gateway holds the POST.
        refusal: What the conversion ends with if no job turns up; None where nobody refused it.
    """

    note: str
    closed_at_once: bool = False
    refusal: Failure | None = None


@dataclass(frozen=True, slots=True)
class SubmitAgain:
    """Nothing was started: submit again, with the same job id.

    Attributes:
        note: Why, in words.
        pays_anew: As a new job with an id of its own, because a replay was to pay again.
        reupload: Whether our files are to be uploaded again, because the service has lost them.
    """

    note: str
    pays_anew: bool = False
    reupload: bool = False


@dataclass(frozen=True, slots=True)
class Hold:
    """The account can't submit: all its submits wait, this one too. Nothing was started."""

    failure: Failure


@dataclass(frozen=True, slots=True)
class Bury:
    """It has failed: a dead letter.

    Attributes:
        failure: Why it failed.
        cost: What it has cost all the same, in the service's units.
    """

    failure: Failure
    cost: int = 0


@dataclass(frozen=True, slots=True)
class Expire:
    """The service has forgotten a job that it had: a dead letter."""

    failure: Failure


def after_submit(  # noqa: PLR0911 - one return for each kind of answer
    answer: SubmitAnswer,
    entry: Entry,
    limits: Limits = Limits(),
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
    answer: PollAnswer, entry: Entry, limits: Limits = Limits()
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
        f"Not submitted in {limits.submit_s / 3600:.1f} h: {reason}. {_paid_so_far(entry)} "
        "Replay it when the service answers again."
    )
    return Failure(FailureKind.SERVICE, message)


def held_too_long(entry: Entry, reason: str, limits: Limits) -> Failure | None:
    """Tell whether it has waited too long for its account: for a hold, or for a free job."""
    if max(entry.held_s, entry.waiting_s) < limits.hold_s:
        return None
    days = limits.hold_s / (24 * 3600)
    message = f"Not submitted in {days:.1f} days: {reason}. {_paid_so_far(entry)}"
    return Failure(FailureKind.ACCOUNT, message)


def _paid_so_far(entry: Entry) -> str:
    """What may have been paid is never called unpaid."""
    if entry.lost:
        return "ConvertAPI knew of no job after an unclear submit, so nothing should be paid."
    return "Nothing was paid."


def _unreadable(answer: Unreadable) -> Bury:
    message = (
        "ConvertAPI says that the conversion is done, which is paid, and its answer can't be "
        f"read: {answer.reason}. A replay asks for the same job before it pays again."
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
    message = f"ConvertAPI refused a submit ({said}), and does not know the job. {_MAY_PAY_TWICE}"
    return Failure(FailureKind.POSSIBLY_PAID, message, status=status)


def _lost_uploads(answer: Failed | Failure, entry: Entry) -> SubmitAgain | None:
    """Files that we uploaded, and that the service has lost, are uploaded again, once."""
    if answer.code != _FILE_ID_CODE or not entry.uploads or entry.reuploaded:
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
    message = f"{failure.message} The account itself is well: this conversion alone is refused."
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
            f"ConvertAPI has brought no result in {hours}, longer than it keeps a job. "
            "A replay converts, and pays, again."
        )
        return Expire(Failure(FailureKind.EXPIRED, message))
    if entry.asking:
        return SubmitAgain("the old job can't be asked for any more", pays_anew=True)
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
            "ConvertAPI no longer knows the job, and its result was not fetched. "
            "A replay converts, and pays, again."
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
        return SubmitAgain("the submit had not arrived")
    message = (
        f"{entry.submits} submits were lost on the way, and ConvertAPI knows of no job. "
        "Nothing should be paid. Replay it when the network is well."
    )
    return Bury(Failure(FailureKind.SERVICE, message, status=_NOT_FOUND))


def _why_unknown(entry: Entry) -> str:
    """Why a 404 does not prove that a submit never arrived; empty where it does."""
    if entry.foreign_ids:
        return "this service uses job ids of its own, so it can't be asked"
    if _is_anycast(entry):
        return "this host asks the nearest data centre, which may not be the one that has the job"
    if entry.job_age_s > JOB_LIFE_S * _PROOF_SHARE:
        return "the service may have forgotten the job meanwhile"
    return ""


def _is_anycast(entry: Entry) -> bool:
    """Whether the host is routed to the nearest data centre: then a 404 proves nothing."""
    return urlsplit(entry.base_url).hostname == _ANYCAST_HOST


def _after_silence(
    reason: str, status: int, entry: Entry, limits: Limits
) -> PollAgain | Bury | Expire | SubmitAgain:
    if entry.consecutive_failures < limits.consecutive_failures:
        again = PollAgain(confirmed=False, failed=True, note=reason)
        return _unless_over(again, entry, limits)
    message = (
        f"{entry.consecutive_failures + 1} polls in a row brought no answer of ConvertAPI: "
        f"{reason}. {_MAY_PAY_TWICE}"
    )
    return Bury(Failure(FailureKind.POSSIBLY_PAID, message, status=status))


def failure_of(error: Failed) -> Failure:
    """Class an error of the service and say what to do about it.

    Args:
        error: As it was answered.

    Returns:
        The failure, its message in one line: what the service says, and the cure.
    """
    kind = _kind_of(error)
    cure = _CURE_BY_CODE.get(error.code, _CURE_BY_KIND[kind])
    if error.status == _UNSUPPORTED:
        cure = "Choose another target format."
    said = " ".join(error.message.split()).rstrip(".") or f"HTTP {error.status}"
    return Failure(kind, f"{said}. {cure}", code=error.code, status=error.status)


def _kind_of(error: Failed) -> FailureKind:
    if error.code in _ACCOUNT_CODES or error.status in _ACCOUNT_STATUSES:
        return FailureKind.ACCOUNT
    if error.code in _INPUT_CODES or error.status < _SERVER_ERROR:
        return FailureKind.INPUT
    return FailureKind.SERVICE
