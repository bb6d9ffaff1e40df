"""What can follow an answer, as values: tasks act on them, and decide nothing."""

from __future__ import annotations

from dataclasses import dataclass

from conveyor.domain import rules
from conveyor.domain.conversion import Failure
from conveyor.domain.schedule import JOB_MARGIN_S

__all__ = ["AskFirst", "Bury", "Expire", "Hold", "Limits", "PollAgain", "SubmitAgain"]


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
    submit_s: float = rules.JOB_LIFE_S
    hold_s: float = 7 * 24 * 3600.0
    job_s: float = rules.JOB_LIFE_S + JOB_MARGIN_S
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
