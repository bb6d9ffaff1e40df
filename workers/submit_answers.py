"""What a submit's answer means for its conversion, written into the ledger."""

from __future__ import annotations

import time
from dataclasses import replace

import structlog

from conveyor.domain import polls, retries
from conveyor.domain.answers import Finished, Started, Throttled
from conveyor.domain.decision import after_submit
from conveyor.domain.next_steps import AskFirst, Bury, Hold, SubmitAgain
from conveyor.ledger import Entry, Tenure
from conveyor.ledger.governor import Admission
from conveyor.ledger.turnstile import Pass
from workers.account import hold_account, may_be_its_own, throttled_for_s
from workers.posting import Posted
from workers.services import Services

__all__ = ["record_submit"]

log = structlog.get_logger("conveyor.submit")


def record_submit(
    services: Services, posted: Posted, admission: Admission, taking: Tenure | None
) -> Entry | None:
    """Write into the ledger what a POST's answer means; the same step leaves the turnstile.

    Redis may have been switched meanwhile, and have lost the intent: it is recorded once more.

    Args:
        services: What the process works with.
        posted: The POST and its answer.
        admission: How the account stood when the conversion was taken.
        taking: The lease of a delivery that begins with the note, None without one.

    Returns:
        The conversion as noted; None where it has moved on, or has ended.

    Raises:
        LedgerUnavailable: Redis can't be reached.
    """
    return _record(services, posted, admission, taking) or _record_again(
        services, posted, admission, taking
    )


def _record(
    services: Services, posted: Posted, admission: Admission, taking: Tenure | None
) -> Entry | None:
    ledger, spacing_s = services.ledger, services.spacing_s
    entry, leaving, answer = posted.passed.entry, posted.passed.leaving, posted.answer
    match after_submit(answer, entry, services.limits, account_is_well=admission.well):
        case Started(job_id):
            return _started(services, posted.passed, job_id, posted.at)
        case Finished(result):
            log.info("finished_at_submit", cost=result.cost)
            return ledger.ready(entry, result, leaving=leaving, taking=taking)
        case AskFirst(note, closed_at_once, refusal):
            log.warning("submit_unclear", reason=note)
            return ledger.ask_first(
                *(entry, polls.next_poll(spacing_s, 0), note),
                closed_at_once=closed_at_once,
                refusal=refusal,
                leaving=leaving,
            )
        case SubmitAgain(note, _, reupload):
            delay_s = _submit_again_in_s(services, posted, reupload=reupload)
            log.info("submit_put_back", reason=note, delay_s=round(delay_s, 2))
            return ledger.put_back(entry, delay_s, note, reupload=reupload, leaving=leaving)
        case Hold(failure):
            hold_account(services, failure)
            return ledger.put_back(
                *(entry, 0, failure.message),
                held=True,
                denied=may_be_its_own(failure, admission),
                leaving=leaving,
            )
        case Bury(failure, cost):
            log.warning(
                "conversion_failed",
                kind=failure.kind.value,
                reason=failure.reason.value,
                code=failure.code,
            )
            return ledger.failed(entry, failure, cost=cost, leaving=leaving)


def _record_again(
    services: Services, posted: Posted, admission: Admission, taking: Tenure | None
) -> Entry | None:
    """Record the intent once more; refused where it was not lost."""
    passed = posted.passed
    begun = services.ledger.begin_submit(posted.before, posted.job, passed.entering, was_lost=True)
    if begun is None:
        return None
    log.warning("submit_intent_lost")
    again = replace(posted, passed=replace(passed, entry=begun))
    return _record(services, again, admission, taking)


def _submit_again_in_s(services: Services, posted: Posted, *, reupload: bool) -> float:
    if reupload:
        return 0.0
    consecutive_failures = posted.passed.entry.consecutive_failures
    if isinstance(posted.answer, Throttled):
        return throttled_for_s(services, consecutive_failures, posted.answer.retry_after_s)
    return retries.retry_submit(services.spacing_s, consecutive_failures)


def _started(services: Services, passed: Pass, job_id: str, posted_at: float) -> Entry | None:
    entry, schedule_of_job = passed.entry, services.schedule_of(passed.entry)
    mostly_open = services.ledger.expected_durations.begin(entry.request)
    delay_s = schedule_of_job.first(time.monotonic() - posted_at, mostly_open=mostly_open)
    log.debug("submitted", dialect=entry.dialect.value, first_poll_s=round(delay_s, 2))
    return services.ledger.started(
        entry,
        job_id,
        delay_s,
        expectation=schedule_of_job.expectation,
        leaving=passed.leaving,
    )
