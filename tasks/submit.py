"""`conveyor.submit`: start a conversion at the service. The task that a caller enqueues."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any, Final
from uuid import UUID, uuid4

import structlog
from celery.exceptions import Ignore

from conveyor import names, schedule, wakeups
from conveyor.canvas import Caller
from conveyor.conversion import Failure, FailureKind, State
from conveyor.decision import (
    AskFirst,
    Bury,
    Hold,
    Keep,
    SubmitAgain,
    Taken,
    after_submit,
)
from conveyor.errors import InvalidRequest, StorageError
from conveyor.governor import Gate
from conveyor.ledger import Entry, Job
from conveyor.protocol import ApiError, Dialect
from conveyor.protocol.outcomes import (
    Finished,
    NotFound,
    Started,
    SubmitOutcome,
    Throttled,
)
from conveyor.request import ConversionRequest
from conveyor.sources import SourceKind
from workers.account import check_account, hold_account, tell_governor
from workers.app import app
from workers.base import ConversionTask
from workers.sources import bring_sources, failure_of_source
from workers.wiring import Engine

# A process that was stopped between intent and POST for so long may have been taken for dead: it
# must not POST any more. The sweep asks for the job, finds none, and has it submitted again.
_SLEPT_S: Final = 10.0

log = structlog.get_logger("conveyor.submit")


class SubmitTask(ConversionTask):
    """A signature's first message is all that there is of its conversion."""

    abstract = True

    def is_only_record(self, *_args: Any, to: str = "", **_kwargs: Any) -> bool:
        """Whether this is a signature; a wake-up names no target."""
        return bool(to)


# Acknowledged late, as all: a repeat finds in the ledger that its number is no longer awaited.
# No result: the outcome is delivered later, under the same task id. No events: to Flower the
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
    conversion_id: str | None = None,
    number: int = 0,
) -> None:
    """Submit a conversion and schedule its first poll.

    Args:
        self: The task.
        source: What a signature asks for; absent where ``convert()`` has opened the entry.
        to: The same.
        from_format: The same.
        params: The same.
        conversion_id: The conversion, when this is a wake-up; its own task id is not the caller's.
        number: The wake-up's number.

    Raises:
        Ignore: The caller's callbacks must not run yet: they go with ``deliver``.
    """
    entry = self.engine.ledger.find(conversion_id or self.request.id)
    if entry is None and to:
        entry = _open(self, source, to, from_format, params)
    if entry is None or entry.state is not State.QUEUED or entry.wakeup != number:
        log.debug("stale_wakeup", number=number)
    else:
        with self.engine.pulse.keeps(entry.id):
            moved = _submit(self.engine, entry)
        if moved is not None:
            wakeups.wake(self.engine.app, *moved)
    if Caller.of(self.request).is_called_back:
        raise Ignore


def _open(
    task: ConversionTask,
    source: Any,
    to: str,
    from_format: str | None,
    params: dict[str, Any] | None,
) -> Entry | None:
    """Accept a signature's conversion, or tell its caller why it can't be right."""
    try:
        request = _check(ConversionRequest.build(source, to, from_format, params))
    except InvalidRequest as error:
        log.warning("invalid_request", reason=str(error))
        task.backend.mark_as_failure(task.request.id, error, request=task.request)
        raise Ignore from None
    taken = task.engine.storage.tokens_of(source.value for source in request.sources)
    return task.engine.ledger.open(task.request.id, request, Caller.of(task.request), takes=taken)


def _check(request: ConversionRequest) -> ConversionRequest:
    if any(source.kind is SourceKind.LOCAL for source in request.sources):
        raise InvalidRequest(
            "A worker can't read a path of the producer: enqueue through conveyor.signature() or "
            "conveyor.convert(), which stage it, or give an fsspec URL."
        )
    return request


def _submit(engine: Engine, entry: Entry) -> tuple[Entry, float] | None:
    """Ask the governor, bring the sources, POST; return the entry and when to look at it again.

    Of two that do this at once, one begins the submit: the other finds the state changed. Nobody
    polls the job while the POST is in flight: its wake-up is not sent yet, and the pulse
    keeps the sweep off for as long as this process lives.
    """
    gate = engine.governor.ask(entry.id)
    if gate.wait_s:
        if gate.must_check:
            check_account(engine)
        delayed = engine.ledger.delayed(entry, gate.wait_s, gate.reason, held=gate.held)
        return _after(delayed, gate.wait_s)
    try:
        entry = bring_sources(engine, entry)
    except (InvalidRequest, StorageError, ApiError) as error:
        engine.governor.release(entry.id)
        return _without_sources(engine, entry, error)
    posted = _post(engine, entry, gate)
    if posted is None:
        _release_if_ended(engine, entry.id)
        return None
    begun, outcome = posted
    tell_governor(engine, gate, begun, outcome)
    noted = _note(engine, begun, outcome)
    if noted is None:
        _delete_if_cancelled(engine, begun, outcome)
    return noted


def _post(engine: Engine, entry: Entry, gate: Gate) -> tuple[Entry, SubmitOutcome] | None:
    """POST in the first dialect whose address the service knows; None where we came too late."""
    uuid = UUID(entry.job_id) if entry.job_id else uuid4()
    wait_s = engine.settings.semi_async_seconds
    candidates = (Dialect.QUERY,) if wait_s else engine.dialects.candidates()
    request = entry.request
    for dialect in candidates:
        job = Job(
            dialect.job_id(uuid),
            engine.api.base_url,
            dialect,
            engine.governor.account,
            gate.foreign_ids,
            webhook=bool(engine.settings.webhook_url),
        )
        noted_at = time.monotonic()
        begun = engine.ledger.begin_submit(entry, job)
        if begun is None or time.monotonic() - noted_at > _SLEPT_S:
            return None
        outcome = engine.api.start(
            dialect,
            (request.from_format, request.to_format),
            request.form(begun.uploads),
            begun.job_id,
            engine.keeper(entry.id),
            webhook=engine.webhook(entry.id),
            wait_s=wait_s,
        )
        if isinstance(outcome, Started | Finished):
            engine.dialects.worked(dialect)
        if not isinstance(outcome, NotFound) or dialect is candidates[-1]:
            return begun, outcome
        put_back = engine.ledger.put_back(begun, 0, "trying the other dialect", lost=False)
        if put_back is None:
            return None
        entry = put_back
    return None


def _note(engine: Engine, entry: Entry, outcome: SubmitOutcome) -> tuple[Entry, float] | None:
    """Write into the ledger what the answer means."""
    ledger, spacing_s = engine.ledger, engine.spacing_s
    match after_submit(outcome, entry, time.time(), engine.limits):
        case Taken(job_id):
            return _started(engine, entry, job_id)
        case Keep(result):
            log.info("finished_at_submit", cost=result.cost)
            return _at_once(ledger.ready(entry, result))
        case AskFirst(note):
            delay_s = schedule.next_poll(spacing_s, 0)
            log.warning("submit_unclear", reason=note)
            return _after(ledger.ask_first(entry, delay_s, note), delay_s)
        case SubmitAgain(note):
            throttled = isinstance(outcome, Throttled)
            delay_s = (
                engine.governor.throttled()
                if throttled
                else schedule.retry_submit(spacing_s, entry.strikes)
            )
            log.info("submit_put_back", reason=note, delay_s=round(delay_s, 2))
            return _after(ledger.put_back(entry, delay_s, note, lost=False), delay_s)
        case Hold(failure):
            delay_s = hold_account(engine, failure)
            put_back = ledger.put_back(entry, delay_s, failure.message, lost=False, held=True)
            return _after(put_back, delay_s)
        case Bury(failure):
            log.warning("conversion_failed", kind=failure.kind.value, code=failure.code)
            return _at_once(ledger.failed(entry, failure))


def _started(engine: Engine, entry: Entry, job_id: str) -> tuple[Entry, float] | None:
    pace_s = engine.ledger.pace.expected_s(entry.request)
    delay_s = (
        schedule.first_net(engine.settings.webhook_net, engine.spacing_s, pace_s)
        if entry.webhook
        else schedule.first_poll(engine.spacing_s, pace_s)
    )
    log.info("submitted", dialect=entry.dialect.value, first_poll_s=round(delay_s, 2))
    started = engine.ledger.started(entry, job_id, delay_s)
    # The webhook may be faster than the answer to the submit.
    return _after(started, 0 if started and started.called else delay_s)


def _delete_if_cancelled(engine: Engine, begun: Entry, outcome: SubmitOutcome) -> None:
    """Cancelled while the POST was in flight: whoever was told to clean up came too early."""
    current = engine.ledger.find(begun.id)
    if isinstance(outcome, Started) and (current is None or current.state is State.CANCELLED):
        with suppress(ApiError):
            engine.api.delete_job(begun.base_url, begun.dialect, outcome.job_id)


def _release_if_ended(engine: Engine, conversion_id: str) -> None:
    """Cancelled meanwhile, it is no job; begun by another, it is."""
    current = engine.ledger.find(conversion_id)
    if current is None or current.state.is_final:
        engine.governor.release(conversion_id)


def _without_sources(
    engine: Engine, entry: Entry, error: InvalidRequest | StorageError | ApiError
) -> tuple[Entry, float] | None:
    """The sources could not be brought: say why, or try later."""
    failure = failure_of_source(error)
    if failure is None:
        return _try_later(engine, entry, f"the source could not be uploaded: {error}")
    if failure.kind is not FailureKind.ACCOUNT:
        return _at_once(engine.ledger.failed(entry, failure))
    delay_s = hold_account(engine, failure)
    return _after(engine.ledger.delayed(entry, delay_s, failure.message, held=True), delay_s)


def _try_later(engine: Engine, entry: Entry, note: str) -> tuple[Entry, float] | None:
    if time.time() - entry.waiting_since > engine.limits.age_s:
        failure = Failure(FailureKind.STORAGE, f"Given up: {note}. Nothing was paid.")
        return _at_once(engine.ledger.failed(entry, failure))
    delay_s = schedule.retry_submit(engine.spacing_s, entry.strikes)
    log.warning("submit_delayed", reason=note, delay_s=round(delay_s, 2))
    return _after(engine.ledger.delayed(entry, delay_s, note), delay_s)


def _after(entry: Entry | None, delay_s: float) -> tuple[Entry, float] | None:
    return None if entry is None else (entry, delay_s)


def _at_once(entry: Entry | None) -> tuple[Entry, float] | None:
    return _after(entry, 0)
