"""`conveyor.poll`: poll the service once for each due conversion."""

from __future__ import annotations

import time
from functools import partial

from conveyor import names
from conveyor.ledger.turnstile import Pass
from workers import losses
from workers.app import app
from workers.base import ConversionTask
from workers.claiming import begin_on, room_for
from workers.cleanup import leave_if_cancelled
from workers.delivery import follow, lease_for
from workers.heartbeat import Work
from workers.poll_answers import Polled, record_poll
from workers.services import Services


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
    polled = _ask(services, passed)
    taking = lease_for(services, passed.entry, polled.answer)
    noted = record_poll(services, polled, taking)
    if noted is None:
        leave_if_cancelled(services, passed.entry, polled.answer)
    follow(services, noted, taking)


def _ask(services: Services, passed: Pass) -> Polled:
    """Poll; whatever is raised meanwhile leaves the turnstile."""
    entry, began = passed.entry, time.monotonic()
    try:
        answer = services.api.poll(
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
    return Polled(passed, answer, time.monotonic() - began)
