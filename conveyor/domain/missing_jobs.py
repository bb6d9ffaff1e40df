"""What it proves that the service does not know a job.

A 404 is a proof only if it is the second one, and comes later than any gateway holds a request
(`Limits.proof_s`, or `Limits.proof_closed_s` where the connection closed at once), from a host
that would know the job.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from conveyor.domain import rules
from conveyor.domain.conversion import Failure, FailureKind, Reason
from conveyor.domain.entry import Entry
from conveyor.domain.failures import MAY_PAY_TWICE, NOT_FOUND
from conveyor.domain.giving_up import unless_over
from conveyor.domain.next_steps import Bury, Expire, Limits, PollAgain, SubmitAgain
from conveyor.domain.refused_submits import lost_uploads

__all__ = ["after_not_found"]

# "At most two hours", says the seed: near their end a 404 may mean "no longer".
_PROOF_SHARE: Final = 0.5


def after_not_found(entry: Entry, limits: Limits) -> PollAgain | SubmitAgain | Bury | Expire:
    """Decide after a poll that was answered by a 404.

    Args:
        entry: As it was when the poll began.
        limits: When to give up.

    Returns:
        What happens next.
    """
    proof_in_s = _proof_in_s(entry, limits)
    if not entry.missing or proof_in_s > 0 or (entry.confirmed and _is_anycast(entry)):
        note = "ConvertAPI does not know the job, which proves nothing yet"
        again = PollAgain(False, False, note, missing=True, proof_in_s=max(proof_in_s, 0.0))
        return unless_over(again, entry, limits)
    if entry.confirmed:
        message = (
            "ConvertAPI no longer knows the job, and its result was not fetched. A replay "
            "converts and pays again."
        )
        gone = Reason.FORGOTTEN
        return Expire(Failure(FailureKind.EXPIRED, message, status=NOT_FOUND, reason=gone))
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
        message = f"The answer to the submit was lost, and {unknown}. {MAY_PAY_TWICE}"
        unclear = Reason.POSSIBLY_PAID
        return Bury(Failure(FailureKind.POSSIBLY_PAID, message, status=NOT_FOUND, reason=unclear))
    if entry.refusal is not None:
        # No job has turned up: the refusal was meant as it was said.
        return lost_uploads(entry.refusal, entry) or Bury(entry.refusal)
    if entry.submits < limits.submits:
        return SubmitAgain("the submit did not arrive")
    message = (
        f"{entry.submits} submits were lost on the way, and ConvertAPI has no job. Nothing should "
        "be paid. Replay it once the network works."
    )
    lost = Reason.SERVICE
    return Bury(Failure(FailureKind.SERVICE, message, status=NOT_FOUND, reason=lost))


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
