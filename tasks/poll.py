"""`conveyor.poll`: ask the service once how a conversion stands."""

from __future__ import annotations

import time
from functools import partial
from typing import Final

import structlog

from conveyor import names, schedule, wakeups
from conveyor.decision import Bury, Expire, Keep, PollAgain, SubmitAgain, after_poll
from conveyor.ledger import Entry
from conveyor.protocol.outcomes import PollOutcome
from conveyor.turnstile import Pass
from workers.app import app
from workers.base import ConversionTask
from workers.wiring import Engine

_MARGIN_S: Final = 0.1

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
        # Closed for longer than the spacing, another is in: it sends the next wake-up, and if it
        # has died, the sweep does.
        if passed.wait_s <= engine.spacing_s + _MARGIN_S:
            wakeups.poll(engine.app, passed.entry, passed.wait_s)
        return
    with engine.pulse.keeps(conversion_id, partial(engine.turnstile.renew, passed)):
        noted, delay_s = _note(engine, passed, _ask(engine, passed))
    if noted is not None:
        wakeups.wake(engine.app, noted, delay_s)


def _ask(engine: Engine, passed: Pass) -> PollOutcome:
    entry = passed.entry
    try:
        return engine.api.poll(
            entry.base_url,
            entry.dialect,
            entry.job_id,
            engine.keeper(entry.id),
            target=entry.request.to_format,
        )
    except BaseException:
        engine.turnstile.leave(passed)
        raise


def _note(engine: Engine, passed: Pass, outcome: PollOutcome) -> tuple[Entry | None, float]:
    """Write into the ledger what the answer means, before anything else is done with it.

    The same step leaves the turnstile. Returns the entry and when to look at it again.
    """
    entry, leaving = passed.entry, passed.leaving
    ledger, spacing_s = engine.ledger, engine.spacing_s
    age_s = time.time() - (entry.submitted_at or entry.created_at)
    match after_poll(outcome, entry, time.time(), engine.limits):
        case Keep(result):
            log.info("ready", cost=result.cost, polls=entry.polls + 1, age_s=round(age_s, 2))
            return ledger.ready(entry, result, leaving=leaving), 0
        case PollAgain(alive, strike, note):
            strikes = entry.strikes + 1 if strike else 0
            delay_s = (
                schedule.next_net(engine.settings.webhook_net, spacing_s, age_s, strikes)
                if entry.webhook
                else schedule.next_poll(spacing_s, age_s, strikes)
            )
            log.debug("not_ready", polls=entry.polls + 1, delay_s=round(delay_s, 2), note=note)
            noted = ledger.later(
                entry, delay_s, alive=alive, strike=strike, note=note, leaving=leaving
            )
            # The webhook has called while this poll was under way: it may have come too early.
            return noted, passed.spacing_ms / 1000 if noted and noted.called else delay_s
        case SubmitAgain(note):
            delay_s = schedule.retry_submit(spacing_s, entry.strikes)
            log.warning("submit_was_lost", submits=entry.submits)
            return ledger.put_back(entry, delay_s, note, lost=True, leaving=leaving), delay_s
        case Bury(failure):
            log.warning("conversion_failed", kind=failure.kind.value, code=failure.code)
            return ledger.failed(entry, failure, leaving=leaving), 0
        case Expire(failure):
            log.error("conversion_expired", age_s=round(age_s, 2))
            return ledger.expired(entry, failure, leaving=leaving), 0
