"""`conveyor.submit`: start conversions at the service. The task that a caller enqueues."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from celery.exceptions import Ignore

from conveyor import names
from conveyor.convertapi.errors import ApiError
from conveyor.domain.canvas import Caller
from conveyor.domain.giving_up import held_too_long
from conveyor.errors import InvalidRequest, StorageError
from conveyor.ledger.governor import Admission
from conveyor.ledger.turnstile import Pass
from conveyor.messaging.cancelling import cancel_if_late
from workers import losses
from workers.account import check_account, tell_governor
from workers.app import app
from workers.base import ConversionTask
from workers.claiming import begin_on, room_for
from workers.cleanup import leave_if_cancelled
from workers.delivery import follow, lease_for
from workers.heartbeat import Work
from workers.missing_sources import record_without_sources
from workers.posting import post
from workers.services import Services
from workers.signatures import accept_signature
from workers.sources import bring_sources
from workers.submit_answers import record_submit


class SubmitTask(ConversionTask):
    """A signature's first message is all that there is of its conversion."""

    def is_only_record(self, *_args: Any, to: str = "", **_kwargs: Any) -> bool:
        """Whether this message is a signature. A bell names no target format."""
        return bool(to)


# Acknowledged late, as all: a repeat claims what is due, and that may be nothing.
# No result: the answer is delivered later, under the same task id. No events: to Flower the
# conversion is under way until it is delivered.
@app.task(
    bind=True,
    shared=False,
    base=SubmitTask,
    name=names.SUBMIT,
    ignore_result=True,
    send_events=False,
)
def submit(
    self: ConversionTask,
    source: Any = None,
    *,
    to: str = "",
    from_format: str | None = None,
    params: dict[str, Any] | None = None,
    semi_async_seconds: int | None = None,
    asked: str = "",
    terms: dict[str, Any] | None = None,
    at: float = 0.0,
) -> None:
    """Submit due conversions in parallel. Each first poll then has its own due time.

    A signature's message opens its entry first.

    Args:
        self: The task.
        source: What a signature asks for; absent where this is a bell.
        to: As in `Conveyor.convert`.
        from_format: As in `Conveyor.convert`.
        params: As in `Conveyor.convert`.
        semi_async_seconds: As in `Conveyor.convert`.
        asked: A hash of the same, by which a repeat is told.
        terms: What its caller wants beside the conversion, as `Terms.plain` has it.
        at: When the bell was to come, by Redis' clock.

    Raises:
        Ignore: The caller's callbacks must not run yet: they go with ``deliver``.
    """
    if to:
        call = source, to, from_format, params, semi_async_seconds
        accept_signature(self, self.services, asked, call, terms)
    _submit_due(self.services, at)
    if Caller.of(self.request).is_called_back:
        raise Ignore


def _submit_due(services: Services, at: float) -> None:
    """Take what may go, and submit it; end what has waited for the account for too long."""
    with room_for(services, "submit", at) as room:
        taken = services.claims.submits(room, at)
        admission = taken.admission
        begun = begin_on(
            services, names.SUBMIT, taken.passes, partial(_submit, services, admission)
        )
        ended = begin_on(services, names.SUBMIT, taken.spent, partial(_end_waiting, services))
    losses.report(services, taken.lost)
    services.crew.wait(begun)
    services.crew.wait(ended)
    if admission.must_check:
        check_account(services)


def _submit(services: Services, admission: Admission, passed: Pass, work: Work) -> None:
    """Bring the sources, POST, and note the answer.

    The turnstile is ours, so nobody polls the job until the answer is noted.
    """
    if cancel_if_late(services.publisher, services.ledger, passed.entry) is not None:
        services.turnstile.leave(passed)
        return
    try:
        work.may_take(services.most_upload_s(passed.entry))
        passed = replace(passed, entry=bring_sources(services, passed.entry))
    except (InvalidRequest, StorageError, ApiError) as error:
        follow(services, record_without_sources(services, passed, error, admission))
        return
    posted = post(services, passed, admission, work)
    if posted is None:
        services.turnstile.leave(passed)
        return
    entry, answer = posted.passed.entry, posted.answer
    tell_governor(services, admission, entry, answer)
    taking = lease_for(services, entry, answer)
    noted = record_submit(services, posted, admission, taking)
    if noted is None:
        leave_if_cancelled(services, entry, answer)
    follow(services, noted, taking)


def _end_waiting(services: Services, passed: Pass, _work: Work) -> None:
    """It has waited for the account for too long: nothing was sent."""
    governor = services.governor
    failure = held_too_long(
        passed.entry, governor.why(), services.limits, because=governor.because()
    )
    if failure is None:
        services.turnstile.leave(passed)
        return
    follow(services, services.ledger.failed(passed.entry, failure, leaving=passed.leaving))
