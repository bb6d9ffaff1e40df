"""What an answer means: pure functions from an outcome and the entry to what happens next.

The protocol's tables stand here, once. Failures are told by class, never by codes 5005 to 5007,
whose meaning the vendor has changed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from conveyor.conversion import Failure, FailureKind
from conveyor.ledger import Entry
from conveyor.protocol import Result
from conveyor.protocol.outcomes import (
    Busy,
    Failed,
    Finished,
    InProgress,
    Lost,
    NotFound,
    PollOutcome,
    Started,
    SubmitOutcome,
    Throttled,
    Unreadable,
    Unsent,
)
from conveyor.schedule import JOB_LIFE_S

__all__ = [
    "AskFirst",
    "Bury",
    "Expire",
    "Hold",
    "Keep",
    "Limits",
    "PollAgain",
    "SubmitAgain",
    "Taken",
    "after_poll",
    "after_submit",
    "failure_of",
]


@dataclass(frozen=True, slots=True)
class Limits:
    """How often something that brings nothing is tried before it is given up.

    Attributes:
        submits: POSTs of one conversion; each but the last was seen to have started nothing.
        strikes: Answers in a row that say nothing of the job.
        age_s: Since the conversion was accepted, for submits that never got through.
        may_repay: Whether a submit is repeated where nobody can tell if the first was paid.
    """

    submits: int = 3
    strikes: int = 100
    age_s: float = JOB_LIFE_S
    may_repay: bool = False


@dataclass(frozen=True, slots=True)
class Taken:
    """The service has the job, under this id."""

    job_id: str


@dataclass(frozen=True, slots=True)
class Keep:
    """The result is here, and has been paid: note it, then deliver."""

    result: Result


@dataclass(frozen=True, slots=True)
class PollAgain:
    """Not yet.

    Attributes:
        alive: Whether the answer shows that the service has the job.
        strike: Whether the answer said nothing of the job.
        note: What holds it up, in words.
    """

    alive: bool
    strike: bool
    note: str = ""


@dataclass(frozen=True, slots=True)
class AskFirst:
    """The paid POST may have been taken: poll our job id before anything is paid again."""

    note: str


@dataclass(frozen=True, slots=True)
class SubmitAgain:
    """Nothing was started: submit again, with the same job id."""

    note: str


@dataclass(frozen=True, slots=True)
class Hold:
    """The account can't submit: all its submits wait, this one too. Nothing was started."""

    failure: Failure


@dataclass(frozen=True, slots=True)
class Bury:
    """It has failed: a dead letter."""

    failure: Failure


@dataclass(frozen=True, slots=True)
class Expire:
    """The service has forgotten a job that it had: a dead letter."""

    failure: Failure


def after_submit(  # noqa: PLR0911 - one return for each kind of answer
    outcome: SubmitOutcome,
    entry: Entry,
    now: float,
    limits: Limits = Limits(),
) -> Taken | Keep | AskFirst | SubmitAgain | Hold | Bury:
    """Decide after a POST.

    Args:
        outcome: Its answer.
        entry: As it was when the POST began.
        now: Seconds since the epoch.
        limits: When to give up.

    Returns:
        What happens next.
    """
    match outcome:
        case Started(job_id):
            return Taken(job_id)
        case Finished(result):
            return Keep(result)
        case Unreadable():
            return Bury(_unreadable(outcome))
        case Lost(reason, paid=True):
            return Bury(_unreadable(Unreadable(reason, "")))
        case Lost(reason):
            return AskFirst(f"the answer to the submit was lost: {reason}")
        case Throttled():
            return _submit_again("ConvertAPI is throttling", entry, now, limits)
        case Unsent(reason):
            return _submit_again(f"ConvertAPI can't be reached: {reason}", entry, now, limits)
        case NotFound(message):
            said = message or "there is no such address at the service"
            return Bury(failure_of(Failed(404, 0, said)))
        case Failed():
            failure = failure_of(outcome)
            return Hold(failure) if failure.kind is FailureKind.ACCOUNT else Bury(failure)


def after_poll(  # noqa: PLR0911 - one return for each kind of answer
    outcome: PollOutcome,
    entry: Entry,
    now: float,
    limits: Limits = Limits(),
) -> Keep | PollAgain | SubmitAgain | Bury | Expire:
    """Decide after a poll.

    Args:
        outcome: Its answer.
        entry: As it was when the poll began.
        now: Seconds since the epoch.
        limits: When to give up.

    Returns:
        What happens next.
    """
    match outcome:
        case Finished(result):
            return Keep(result)
        case Unreadable():
            return Bury(_unreadable(outcome))
        case InProgress():
            return PollAgain(alive=True, strike=False)
        case Busy():
            # "Never a failure", says the protocol: not even many of them are one.
            return PollAgain(alive=False, strike=False, note="ConvertAPI was busy")
        case NotFound():
            return _after_not_found(entry, now, limits)
        case Failed():
            return Bury(failure_of(outcome))
        case Lost(reason, status):
            return _after_silence(reason, status, entry, limits)
        case Unsent(reason):
            return _after_silence(f"ConvertAPI can't be reached: {reason}", 0, entry, limits)


def _unreadable(outcome: Unreadable) -> Failure:
    message = (
        f"ConvertAPI says that the conversion is done and paid, and its answer can't be read: "
        f"{outcome.reason}. A replay asks for the same job again before it pays."
    )
    return Failure(FailureKind.UNREADABLE, message, status=200, answer=outcome.answer)


def _submit_again(reason: str, entry: Entry, now: float, limits: Limits) -> SubmitAgain | Bury:
    if now - entry.waiting_since < limits.age_s:
        return SubmitAgain(reason)
    message = (
        f"Not submitted in {limits.age_s / 3600:.1f} h: {reason}. Nothing was paid. "
        "Replay it when the service answers again."
    )
    return Bury(Failure(FailureKind.SERVICE, message))


def _after_not_found(entry: Entry, now: float, limits: Limits) -> SubmitAgain | Bury | Expire:
    if entry.alive:
        message = (
            "ConvertAPI no longer knows the job, and its result was not fetched. "
            "A replay converts, and pays, again."
        )
        return Expire(Failure(FailureKind.EXPIRED, message, status=404))
    unknown = _why_unknown(entry, now)
    if unknown and not limits.may_repay:
        message = (
            f"The answer to the submit was lost, and {unknown}. A replay may pay a second time: "
            "look at the account first."
        )
        return Bury(Failure(FailureKind.POSSIBLY_PAID, message, status=404))
    if entry.submits < limits.submits:
        return SubmitAgain("the submit had not arrived")
    message = f"{entry.submits} submits were lost on the way. Nothing was started or paid."
    return Bury(Failure(FailureKind.SERVICE, message, status=404))


def _why_unknown(entry: Entry, now: float) -> str:
    """Why a 404 does not prove that a submit never arrived; empty where it does."""
    if entry.foreign_ids:
        return "this service uses job ids of its own, so it can't be asked"
    if entry.submitted_at is not None and now - entry.submitted_at > JOB_LIFE_S * _PROOF_SHARE:
        return "the service may have forgotten the job meanwhile"
    return ""


def _after_silence(reason: str, status: int, entry: Entry, limits: Limits) -> PollAgain | Bury:
    if entry.strikes < limits.strikes:
        return PollAgain(alive=False, strike=True, note=reason)
    message = (
        f"{entry.strikes + 1} polls in a row brought no answer of ConvertAPI: {reason}. "
        "The job may have been paid."
    )
    return Bury(Failure(FailureKind.POSSIBLY_PAID, message, status=status))


# "At most two hours", says the seed: near their end a 404 may mean "no longer".
_PROOF_SHARE: Final = 0.5

_INPUT_CODES: Final = frozenset({5002, 5003, 5004, 5008, 5009})
_ACCOUNT_CODES: Final = frozenset(range(4010, 4018))
_ACCOUNT_STATUSES: Final = frozenset({401, 402, 403})
_SERVER_ERROR: Final = 500
_UNSUPPORTED: Final = 415

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
