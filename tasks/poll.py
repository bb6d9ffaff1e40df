"""`conveyor.poll`: ask the service once how each conversion stands that is due."""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import partial
from typing import Any

import structlog

from conveyor import names
from conveyor.domain import schedule
from conveyor.domain.answers import Finished, PollAnswer
from conveyor.domain.decision import Bury, Expire, PollAgain, SubmitAgain, after_poll
from conveyor.ledger import Entry
from conveyor.ledger.turnstile import Pass
from workers import losses
from workers.app import app
from workers.base import ConversionTask
from workers.claiming import begin_on, room_for
from workers.cleanup import leave_if_cancelled
from workers.delivery import follow, lease_for
from workers.heartbeat import Work
from workers.wiring import Services

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
    services = self.services
    with room_for(services, "poll", at) as room:
        taken = services.claims.polls(room, at)
        begun = begin_on(services, names.POLL, taken.passes, partial(_poll, services))
    losses.report(services, taken.lost)
    services.crew.wait(begun)


def _poll(services: Services, passed: Pass, _work: Work) -> None:
    """Ask, note the answer, and bring what is ready to its caller."""
    began = time.monotonic()
    answer = _ask(services, passed)
    took_s = time.monotonic() - began
    taking = (
        lease_for(services, passed.entry, answer.result) if isinstance(answer, Finished) else None
    )
    noted = _record(services, passed, answer, taking, took_s)
    if noted is None:
        leave_if_cancelled(services, passed.entry, answer)
    follow(services, noted, taking)


def _ask(services: Services, passed: Pass) -> PollAnswer:
    """Poll; whatever is raised meanwhile leaves the turnstile."""
    entry = passed.entry
    try:
        return services.api.poll(
            entry.base_url,
            entry.dialect,
            entry.job_id,
            services.keeper(entry.id),
            target=entry.request.to_format,
            params={**entry.request.params, **entry.uploads},
        )
    except BaseException:
        services.turnstile.leave(passed)
        raise


def _record(
    services: Services,
    passed: Pass,
    answer: PollAnswer,
    taking: Mapping[str, Any] | None,
    took_s: float,
) -> Entry | None:
    """Write into the ledger what the answer means, before anything else is done with it.

    The same step leaves the turnstile, and sets the date of the next poll.
    """
    entry, leaving, ledger = passed.entry, passed.leaving, services.ledger
    match after_poll(answer, entry, services.limits):
        case Finished(result):
            age_s = round(entry.job_age_s, 2)
            log.debug("ready", cost=result.cost, polls=entry.polls + 1, age_s=age_s)
            return ledger.ready(entry, result, leaving=leaving, taking=taking)
        case PollAgain() as again:
            return _later(services, passed, again, took_s)
        case SubmitAgain() as again:
            return _submit_again(services, passed, again)
        case Bury(failure, cost):
            log.warning("conversion_failed", kind=failure.kind.value, code=failure.code)
            return ledger.failed(entry, failure, cost=cost, leaving=leaving)
        case Expire(failure):
            log.error("conversion_expired", age_s=round(entry.job_age_s, 2))
            return ledger.expired(entry, failure, leaving=leaving)


def _submit_again(services: Services, passed: Pass, again: SubmitAgain) -> Entry | None:
    entry, is_new_job = passed.entry, again.pays_anew or again.reupload
    delay_s = (
        0 if is_new_job else schedule.retry_submit(services.spacing_s, entry.consecutive_failures)
    )
    log.warning("submit_again", reason=again.note, submits=entry.submits)
    return services.ledger.put_back(
        *(entry, delay_s, again.note),
        lost=not is_new_job,
        pays_anew=again.pays_anew,
        reupload=again.reupload,
        leaving=passed.leaving,
    )


def _later(services: Services, passed: Pass, again: PollAgain, took_s: float) -> Entry | None:
    entry = passed.entry
    delay_s = max(_wait_s(services, entry, again, took_s), again.retry_after_s)
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
        leaving=passed.leaving_for(again.retry_after_s),
    )


def _wait_s(services: Services, entry: Entry, again: PollAgain, took_s: float) -> float:
    spacing_s, age_s = services.spacing_s, entry.job_age_s
    if again.missing:
        return schedule.until_proof(spacing_s, age_s, again.proof_in_s)
    consecutive_failures = entry.consecutive_failures + 1 if again.failed else 0
    if entry.webhook:
        return schedule.next_fallback(spacing_s, age_s, consecutive_failures, took_s=took_s)
    expectation = services.ledger.expected_durations.of(entry.request)
    return schedule.next_poll(spacing_s, age_s, consecutive_failures, expectation, took_s=took_s)
