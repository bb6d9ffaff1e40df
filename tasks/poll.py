"""`conveyor.poll`: ask the service once how each conversion stands that is due."""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import partial
from typing import Any

import structlog

from conveyor import names
from conveyor.domain import schedule
from conveyor.domain.decision import Bury, Expire, Keep, PollAgain, SubmitAgain, after_poll
from conveyor.domain.outcomes import Finished, PollOutcome
from conveyor.ledger import Entry
from conveyor.ledger.turnstile import Pass
from workers import losses
from workers.app import app
from workers.base import ConversionTask
from workers.claiming import begin_on, room_for
from workers.cleanup import leave_if_cancelled
from workers.delivery import follow, lease_for
from workers.heartbeat import Work
from workers.wiring import Engine

log = structlog.get_logger("conveyor.poll")


# Acknowledged late, as all: a repeat claims what is due, and that may be nothing.
# No result: nobody waits for a poll. No events: they would cost as much as the poll, and Flower
# would show as many as there are bells.
@app.task(bind=True, shared=False, name=names.POLL, ignore_result=True, send_events=False)
def poll(self: ConversionTask, *, at: float = 0.0) -> None:
    """Poll the jobs that are due, each alone in the whole fleet, and note when each is due again.

    Args:
        self: The task.
        at: When the bell was to come, by Redis' clock.
    """
    engine = self.engine
    with room_for(engine, "poll", at) as room:
        taken = engine.claims.polls(room, at)
        begun = begin_on(engine, names.POLL, taken.passes, partial(_poll, engine))
    losses.report(engine, taken.lost)
    engine.crew.wait(begun)


def _poll(engine: Engine, passed: Pass, _work: Work) -> None:
    """Ask, note the answer, and bring what is ready to its caller."""
    began = time.monotonic()
    outcome = _ask(engine, passed)
    took_s = time.monotonic() - began
    taking = (
        lease_for(engine, passed.entry, outcome.result) if isinstance(outcome, Finished) else None
    )
    noted = _note(engine, passed, outcome, taking, took_s)
    if noted is None:
        leave_if_cancelled(engine, passed.entry, outcome)
    follow(engine, noted, taking)


def _ask(engine: Engine, passed: Pass) -> PollOutcome:
    """Poll; whatever is raised meanwhile leaves the turnstile."""
    entry = passed.entry
    try:
        return engine.api.poll(
            entry.base_url,
            entry.dialect,
            entry.job_id,
            engine.keeper(entry.id),
            target=entry.request.to_format,
            params={**entry.request.params, **entry.uploads},
        )
    except BaseException:
        engine.turnstile.leave(passed)
        raise


def _note(
    engine: Engine,
    passed: Pass,
    outcome: PollOutcome,
    taking: Mapping[str, Any] | None,
    took_s: float,
) -> Entry | None:
    """Write into the ledger what the answer means, before anything else is done with it.

    The same step leaves the turnstile, and sets the date of the next poll.
    """
    entry, leaving, ledger = passed.entry, passed.leaving, engine.ledger
    match after_poll(outcome, entry, engine.limits):
        case Keep(result):
            age_s = round(entry.job_age_s, 2)
            log.debug("ready", cost=result.cost, polls=entry.polls + 1, age_s=age_s)
            return ledger.ready(entry, result, leaving=leaving, taking=taking)
        case PollAgain() as again:
            return _later(engine, passed, again, took_s)
        case SubmitAgain() as again:
            return _submit_again(engine, passed, again)
        case Bury(failure, cost):
            log.warning("conversion_failed", kind=failure.kind.value, code=failure.code)
            return ledger.failed(entry, failure, cost=cost, leaving=leaving)
        case Expire(failure):
            log.error("conversion_expired", age_s=round(entry.job_age_s, 2))
            return ledger.expired(entry, failure, leaving=leaving)


def _submit_again(engine: Engine, passed: Pass, again: SubmitAgain) -> Entry | None:
    entry, is_new_job = passed.entry, again.pays_anew or again.reupload
    delay_s = 0 if is_new_job else schedule.retry_submit(engine.spacing_s, entry.strikes)
    log.warning("submit_again", reason=again.note, submits=entry.submits)
    return engine.ledger.put_back(
        *(entry, delay_s, again.note),
        lost=not is_new_job,
        pays_anew=again.pays_anew,
        reupload=again.reupload,
        leaving=passed.leaving,
    )


def _later(engine: Engine, passed: Pass, again: PollAgain, took_s: float) -> Entry | None:
    entry = passed.entry
    delay_s = max(_wait_s(engine, entry, again, took_s), again.retry_after_s)
    log.debug("not_ready", polls=entry.polls + 1, delay_s=round(delay_s, 2), note=again.note)
    return engine.ledger.later(
        entry,
        delay_s,
        alive=again.alive,
        strike=again.strike,
        missing=again.missing,
        note=again.note,
        # Where the webhook has called while this poll was under way, it may have come too early:
        # the next one comes as soon as the turnstile lets it in.
        leaving=passed.leaving_for(again.retry_after_s),
    )


def _wait_s(engine: Engine, entry: Entry, again: PollAgain, took_s: float) -> float:
    spacing_s, age_s = engine.spacing_s, entry.job_age_s
    if again.missing:
        return schedule.until_proof(spacing_s, age_s, again.proof_in_s)
    strikes = entry.strikes + 1 if again.strike else 0
    if entry.webhook:
        return schedule.next_fallback(spacing_s, age_s, strikes, took_s=took_s)
    expectation = engine.ledger.pace.expected(entry.request)
    return schedule.next_poll(spacing_s, age_s, strikes, expectation, took_s=took_s)
