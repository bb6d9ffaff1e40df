"""`conveyor.poll`: ask the service once how a conversion stands."""

from __future__ import annotations

from functools import partial

import structlog

from conveyor import names, schedule, wakeups
from conveyor.decision import Bury, Expire, Keep, PollAgain, SubmitAgain, after_poll
from conveyor.ledger import Entry
from conveyor.protocol.outcomes import PollOutcome
from conveyor.turnstile import Pass
from workers.app import app
from workers.base import ConversionTask
from workers.cleanup import leave_if_cancelled
from workers.wiring import Engine

Moved = tuple[Entry | None, float]
"""A conversion as it was noted, and the seconds until it is looked at again."""

log = structlog.get_logger("conveyor.poll")


# Acknowledged late, as all: a repeat finds its number stale, or the turnstile closed.
# No result: nobody waits for a poll. No events: they would cost as much as the poll, and Flower
# would show ten polls for each conversion.
@app.task(bind=True, shared=False, name=names.POLL, ignore_result=True, send_events=False)
def poll(self: ConversionTask, conversion_id: str, number: int) -> None:
    """Poll a job once, alone in the whole fleet, and schedule what comes next.

    Args:
        self: The task.
        conversion_id: The conversion.
        number: The wake-up's number; any but the awaited one is stale.
    """
    engine = self.engine
    passed = engine.turnstile.enter(conversion_id, number)
    if passed is None:
        log.debug("stale_wakeup", number=number)
        return
    if not passed.granted:
        # Another is in: it sends the next wake-up, and if it has died, the sweep does.
        if passed.is_left:
            wakeups.poll(engine.publisher, passed.entry, passed.wait_s)
        return
    renew = partial(engine.turnstile.renew, passed)
    with engine.pulse.keeps(conversion_id, renew, engine.most_answer_s):
        outcome, (noted, delay_s) = _poll(engine, passed)
    if noted is not None:
        wakeups.wake(engine.publisher, noted, delay_s)
    else:
        leave_if_cancelled(engine, passed.entry, outcome)


def _poll(engine: Engine, passed: Pass) -> tuple[PollOutcome, Moved]:
    """Ask, and note the answer; whatever is raised meanwhile leaves the turnstile."""
    entry = passed.entry
    try:
        outcome = engine.api.poll(
            entry.base_url,
            entry.dialect,
            entry.job_id,
            engine.keeper(entry.id),
            target=entry.request.to_format,
            params={**entry.request.params, **entry.uploads},
        )
        return outcome, _note(engine, passed, outcome)
    except BaseException:
        engine.turnstile.leave(passed)
        raise


def _note(engine: Engine, passed: Pass, outcome: PollOutcome) -> Moved:
    """Write into the ledger what the answer means, before anything else is done with it.

    The same step leaves the turnstile. Returns the entry and when to look at it again.
    """
    entry, leaving, ledger = passed.entry, passed.leaving, engine.ledger
    match after_poll(outcome, entry, engine.limits):
        case Keep(result):
            age_s = round(entry.job_age_s, 2)
            log.info("ready", cost=result.cost, polls=entry.polls + 1, age_s=age_s)
            return ledger.ready(entry, result, leaving=leaving), 0
        case PollAgain() as again:
            return _later(engine, passed, again)
        case SubmitAgain() as again:
            return _submit_again(engine, passed, again)
        case Bury(failure, cost):
            log.warning("conversion_failed", kind=failure.kind.value, code=failure.code)
            return ledger.failed(entry, failure, cost=cost, leaving=leaving), 0
        case Expire(failure):
            log.error("conversion_expired", age_s=round(entry.job_age_s, 2))
            return ledger.expired(entry, failure, leaving=leaving), 0


def _submit_again(engine: Engine, passed: Pass, again: SubmitAgain) -> Moved:
    entry, is_new_job = passed.entry, again.pays_anew or again.reupload
    delay_s = 0 if is_new_job else schedule.retry_submit(engine.spacing_s, entry.strikes)
    log.warning("submit_again", reason=again.note, submits=entry.submits)
    put_back = engine.ledger.put_back(
        *(entry, delay_s, again.note),
        lost=not is_new_job,
        pays_anew=again.pays_anew,
        reupload=again.reupload,
        leaving=passed.leaving,
    )
    return put_back, delay_s


def _later(engine: Engine, passed: Pass, again: PollAgain) -> Moved:
    entry = passed.entry
    delay_s = max(_wait_s(engine, entry, again), again.retry_after_s)
    log.debug("not_ready", polls=entry.polls + 1, delay_s=round(delay_s, 2), note=again.note)
    noted = engine.ledger.later(
        entry,
        delay_s,
        alive=again.alive,
        strike=again.strike,
        missing=again.missing,
        note=again.note,
        leaving=passed.leaving_for(again.retry_after_s),
    )
    # The webhook has called while this poll was under way: it may have come too early.
    return noted, passed.spacing_ms / 1000 if noted and noted.called else delay_s


def _wait_s(engine: Engine, entry: Entry, again: PollAgain) -> float:
    spacing_s, age_s = engine.spacing_s, entry.job_age_s
    if again.missing:
        return schedule.until_proof(spacing_s, age_s, again.proof_in_s)
    strikes = entry.strikes + 1 if again.strike else 0
    if entry.webhook:
        return schedule.next_fallback(spacing_s, age_s, strikes)
    expectation = engine.ledger.pace.expected(entry.request)
    return schedule.next_poll(spacing_s, age_s, strikes, expectation)
