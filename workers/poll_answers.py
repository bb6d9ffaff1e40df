"""What a poll's answer means for its conversion, written into the ledger."""

from __future__ import annotations

from dataclasses import dataclass

import structlog

from conveyor.domain import polls, retries
from conveyor.domain.answers import Finished, PollAnswer
from conveyor.domain.decision import after_poll
from conveyor.domain.next_steps import Bury, Expire, PollAgain, SubmitAgain
from conveyor.ledger import Entry, Tenure
from conveyor.ledger.turnstile import Pass
from workers.services import Services

__all__ = ["Polled", "record_poll"]

log = structlog.get_logger("conveyor.poll")


@dataclass(frozen=True, slots=True)
class Polled:
    """A poll and its answer.

    Attributes:
        passed: The turnstile's pass, with the conversion as it stood when the poll began.
        answer: The answer.
        took_s: What the poll took, seconds.
    """

    passed: Pass
    answer: PollAnswer
    took_s: float


def record_poll(services: Services, polled: Polled, taking: Tenure | None) -> Entry | None:
    """Write into the ledger what an answer means, before anything else is done with it.

    The same step leaves the turnstile, and sets the date of the next poll.

    Args:
        services: What the process works with.
        polled: The poll and its answer.
        taking: The lease of a delivery that begins with the note, None without one.

    Returns:
        The conversion as noted; None where it has moved on, or has ended.

    Raises:
        LedgerUnavailable: Redis can't be reached.
    """
    passed, ledger = polled.passed, services.ledger
    entry, leaving = passed.entry, passed.leaving
    match after_poll(polled.answer, entry, services.limits):
        case Finished(result):
            log.debug("ready", cost=result.cost, polls=entry.polls + 1, age_s=entry.job_age_s)
            return ledger.ready(entry, result, leaving=leaving, taking=taking)
        case PollAgain() as again:
            return _later(services, polled, again)
        case SubmitAgain() as again:
            return _submit_again(services, passed, again)
        case Bury(failure, cost):
            log.warning(
                "conversion_failed",
                kind=failure.kind.value,
                reason=failure.reason.value,
                code=failure.code,
            )
            return ledger.failed(entry, failure, cost=cost, leaving=leaving)
        case Expire(failure):
            log.error("conversion_expired", age_s=round(entry.job_age_s, 2))
            return ledger.expired(entry, failure, leaving=leaving)


def _submit_again(services: Services, passed: Pass, again: SubmitAgain) -> Entry | None:
    entry, is_new_job = passed.entry, again.pays_anew or again.reupload
    delay_s = (
        0 if is_new_job else retries.retry_submit(services.spacing_s, entry.consecutive_failures)
    )
    log.warning("submit_again", reason=again.note, submits=entry.submits)
    return services.ledger.put_back(
        *(entry, delay_s, again.note),
        lost=not is_new_job,
        pays_anew=again.pays_anew,
        reupload=again.reupload,
        leaving=passed.leaving,
    )


def _later(services: Services, polled: Polled, again: PollAgain) -> Entry | None:
    entry = polled.passed.entry
    delay_s = max(_wait_s(services, polled, again), again.retry_after_s)
    log.debug("not_ready", polls=entry.polls + 1, delay_s=round(delay_s, 2), note=again.note)
    return services.ledger.poll_later(
        entry,
        delay_s,
        confirmed=again.confirmed,
        failed=again.failed,
        missing=again.missing,
        note=again.note,
        # Where the webhook has called while this poll was under way, it may have come too early:
        # the next one comes as soon as the turnstile lets it in.
        leaving=polled.passed.leaving_for(again.retry_after_s),
    )


def _wait_s(services: Services, polled: Polled, again: PollAgain) -> float:
    entry = polled.passed.entry
    age_s = entry.job_age_s
    if again.missing:
        return polls.until_proof(services.spacing_s, age_s, again.proof_in_s)
    consecutive_failures = entry.consecutive_failures + 1 if again.failed else 0
    return services.schedule_of(entry).next(age_s, consecutive_failures, took_s=polled.took_s)
