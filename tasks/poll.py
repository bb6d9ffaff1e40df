"""`conveyor.poll`: ask the service once how a conversion stands."""

from __future__ import annotations

import time

import structlog

from conveyor import names, schedule, wakeups
from conveyor.conversion import State
from conveyor.decision import Bury, Expire, Keep, PollAgain, SubmitAgain, after_poll
from conveyor.ledger import Entry
from conveyor.protocol.outcomes import PollOutcome
from workers.app import app
from workers.base import ConversionTask
from workers.wiring import Engine

log = structlog.get_logger("conveyor.poll")


# Acknowledged late, as all: a repeat finds its number stale, or the turnstile closed.
# No result: nobody waits for a poll. No events: they would cost as much as the poll, and Flower
# would show ten polls for each conversion.
@app.task(bind=True, name=names.POLL, ignore_result=True, send_events=False)
def poll(self: ConversionTask, conversion_id: str, number: int) -> None:
    """Poll a job once, alone in the whole fleet, and schedule what comes next.

    Args:
        self: The task.
        conversion_id: The conversion.
        number: The wake-up's number; any but the awaited one is stale.
    """
    engine = self.engine
    entry = engine.ledger.find(conversion_id)
    if entry is None or entry.state is not State.CONVERTING or entry.wakeup != number:
        log.debug("stale_wakeup", number=number)
        return
    passed = engine.turnstile.enter(conversion_id)
    if not passed.granted:
        wakeups.poll(engine.app, entry, passed.wait_s)
        return
    try:
        outcome = engine.api.poll(
            entry.base_url, entry.dialect, entry.job_id, engine.keeper(conversion_id)
        )
        # Before anything else is done with it: a result has been paid.
        noted, delay_s = _note(engine, entry, outcome)
    finally:
        engine.turnstile.leave(conversion_id, passed)
    if noted is not None:
        wakeups.wake(engine.app, noted, delay_s)


def _note(engine: Engine, entry: Entry, outcome: PollOutcome) -> tuple[Entry | None, float]:
    """Write into the ledger what the answer means; return the entry and when to look again."""
    ledger, spacing_s = engine.ledger, engine.spacing_s
    age_s = time.time() - (entry.submitted_at or entry.created_at)
    match after_poll(outcome, entry, engine.limits):
        case Keep(result):
            log.info("ready", cost=result.cost, polls=entry.polls + 1, age_s=round(age_s, 2))
            return ledger.ready(entry, result, polled=True), 0
        case PollAgain(alive, strike, note):
            delay_s = schedule.next_poll(spacing_s, age_s, entry.strikes + 1 if strike else 0)
            log.info(
                "still_converting", polls=entry.polls + 1, delay_s=round(delay_s, 2), note=note
            )
            return ledger.later(entry, delay_s, alive=alive, strike=strike, note=note), delay_s
        case SubmitAgain(note):
            delay_s = schedule.retry_submit(spacing_s, entry.strikes)
            log.warning("submit_was_lost", submits=entry.submits)
            return ledger.put_back(entry, delay_s, note, lost=True), delay_s
        case Bury(failure):
            log.warning("conversion_failed", kind=failure.kind.value, code=failure.code)
            return ledger.failed(entry, failure, polled=True), 0
        case Expire(failure):
            log.error("conversion_expired", age_s=round(age_s, 2))
            return ledger.expired(entry, failure, polled=True), 0
