"""`conveyor.deliver`: bring outcomes to their callers. Runs under the id that the caller got."""

from __future__ import annotations

from functools import partial
from typing import Any

from celery.exceptions import Ignore

from conveyor import names
from conveyor.errors import ConversionFailed
from conveyor.ledger import Entry
from conveyor.messaging import bells
from conveyor.messaging.recipient import Recipient
from workers import losses
from workers.app import app
from workers.base import ConversionTask
from workers.claiming import begin, room_for
from workers.delivery import bring, follow, is_plain
from workers.reporting import leave_nothing_to_celery
from workers.services import Services


class DeliverTask(ConversionTask):
    """Delivers the outcome itself, so that Celery has nothing to do when the task ends."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run; whatever becomes of it, Celery stores nothing and calls nobody back.

        It logs the outcome.
        """
        try:
            return super().__call__(*args, **kwargs)
        finally:
            leave_nothing_to_celery(self.request)


# Acknowledged late, as all: a repeat fetches the files again, or returns what is stored.
# Its result is the caller's; a failed conversion is no fault of the task, hence `throws`.
# No events: `workers.announcing` tells of each outcome, and a bell is none.
@app.task(
    bind=True,
    shared=False,
    base=DeliverTask,
    name=names.DELIVER,
    throws=(ConversionFailed,),
    send_events=False,
)
def deliver(self: ConversionTask, conversion_id: str = "", *, at: float = 0.0) -> Any:
    """Store the files, or say why there are none, and tell the caller.

    Args:
        self: The task.
        conversion_id: The conversion; empty where this is a bell, for all that are due.
        at: When the bell was to come, by Redis' clock.

    Returns:
        ``Conversion.to_dict()``: what ``AsyncResult.get()`` and the next in a chain get.

    Raises:
        ConversionFailed: It has ended without files.
        Ignore: The message is an old one: the caller knows already, or it has not ended. Or it is a
            bell.
    """
    if not conversion_id:
        _send_on_what_is_due(self.services, at)
        raise Ignore
    lease = self.services.deliveries.acquire(conversion_id)
    if lease is None:
        # Another delivers it. If that one has died, the sweep rings.
        raise Ignore
    with self.services.heartbeat.renewing(lease) as work:
        entry = bring(self.services, lease, work, Recipient(self.app, self.backend, self.request))
    entry.conversion.raise_if_failed()
    return entry.conversion.to_dict()


def _send_on_what_is_due(services: Services, at: float) -> None:
    with room_for(services, "deliver", at) as room:
        taken = services.claims.deliveries(room, at)
        due = [passed.entry for passed in taken.passes]
        jobs = {entry.id: partial(_send_on, services, entry) for entry in due}
        begun = begin(services, names.DELIVER, jobs)
    losses.report(services, taken.lost)
    services.crew.wait(begun)


def _send_on(services: Services, entry: Entry) -> None:
    """Bring one that is due on its way: at once, or by a message under its caller's task id."""
    if is_plain(services, entry):
        follow(services, entry)
    else:
        bells.deliver(services.publisher, entry)
