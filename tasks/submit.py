"""`conveyor.submit`: start a conversion at the service. The task that a caller enqueues."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

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
    denied,
    held_too_long,
    waited_too_long,
)
from conveyor.errors import InvalidRequest, StorageError
from conveyor.fingerprint import fingerprint_of
from conveyor.governor import BALANCE_USED_UP, Gate
from conveyor.ledger import Entry, Job, RevokedBefore, is_another
from conveyor.protocol import ApiError, ComeLater, Dialect
from conveyor.protocol.outcomes import (
    Finished,
    NotFound,
    Started,
    SubmitOutcome,
    Throttled,
)
from conveyor.request import ConversionRequest
from conveyor.sources import SourceKind
from conveyor.storage.marker import OtherStorage
from conveyor.turnstile import Pass
from workers.account import check_account, hold_account, tell_governor
from workers.app import app
from workers.base import ConversionTask
from workers.cleanup import leave_if_cancelled
from workers.revoking import DROPPED
from workers.sources import bring_sources, failure_of_source
from workers.telling import refuse, revoke
from workers.wiring import Engine

# A process that was stopped between intent and POST for so long may have been taken for dead: it
# must not POST any more. The sweep asks for the job, finds none, and has it submitted again.
_SLEPT_S: Final = 10.0
_MOST_ID_CHARACTERS: Final = 200

Moved = tuple[Entry, float] | None
"""A conversion as it was noted, and the seconds until it is looked at again; None for neither."""

log = structlog.get_logger("conveyor.submit")


@dataclass(frozen=True, slots=True)
class Posted:
    """A POST and its answer.

    Attributes:
        before: The conversion as it stood before.
        job: What was posted.
        passed: The turnstile's pass, with the conversion as it stood when the POST began.
        outcome: The answer.
    """

    before: Entry
    job: Job
    passed: Pass
    outcome: SubmitOutcome


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
    semi_async_seconds: int | None = None,
    asked: str = "",
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
        semi_async_seconds: The same.
        asked: A hash of the same, by which a repeat is told.
        conversion_id: The conversion, when this is a wake-up; its own task id is not the caller's.
        number: The wake-up's number.

    Raises:
        Ignore: The caller's callbacks must not run yet: they go with ``deliver``.
    """
    entry = self.engine.ledger.find(conversion_id or self.request.id)
    dropped = getattr(self.request, DROPPED, "")
    if dropped and entry is None:
        revoke(self, dropped)
    if to:
        entry = _accept(self, entry, asked, (source, to, from_format, params, semi_async_seconds))
    if entry is None or entry.state is not State.QUEUED or entry.wakeup != number:
        log.debug("stale_wakeup", number=number)
    else:
        moved = _submit(self.engine, entry)
        if moved is not None:
            wakeups.wake(self.engine.publisher, *moved)
    if Caller.of(self.request).is_called_back:
        raise Ignore


def _accept(task: ConversionTask, entry: Entry | None, asked: str, call: tuple[Any, ...]) -> Entry:
    """Accept a signature's conversion, or tell its caller why it can't be right.

    Its message may come twice. One of the same id that asks for something else is refused: its
    caller must not take the other's file for its own.
    """
    ledger, conversion_id = task.engine.ledger, task.request.id
    try:
        _check_id(conversion_id)
        request = _check(ConversionRequest.build(*call))
        asked = asked or fingerprint_of(request)
        if entry is None:
            taken = task.engine.storage.tokens_of(request.addresses)
            caller = Caller.of(task.request)
            opened = ledger.open(
                conversion_id, request, caller, takes=taken, asked=asked, unless_revoked=True
            )
            # Another message of this id may have been first.
            entry = opened or ledger.get(conversion_id)
        _check_same(entry, asked)
    except RevokedBefore:
        revoke(task, "revoked")
    except InvalidRequest as error:
        log.warning("invalid_request", reason=str(error))
        if entry is not None:
            # Celery keeps a success, whatever comes later.
            task.backend.forget(conversion_id)
        refuse(task, error)
    return entry


def _check_id(conversion_id: str) -> None:
    if not conversion_id.isprintable() or len(conversion_id) > _MOST_ID_CHARACTERS:
        raise InvalidRequest(
            f"This task_id can't be a conversion's: give up to {_MOST_ID_CHARACTERS} printable "
            "characters."
        )


def _check_same(entry: Entry, asked: str) -> None:
    if is_another(entry.asked, asked):
        raise InvalidRequest(
            f"The task_id {entry.id!r} was used for a different conversion: take another. That "
            "conversion goes on, and keeps its files."
        )


def _check(request: ConversionRequest) -> ConversionRequest:
    if any(source.kind is SourceKind.LOCAL for source in request.attachments.values()):
        raise InvalidRequest(
            "A worker can't read a path of the producer: enqueue through conveyor.signature() or "
            "conveyor.convert(), which stage it, or give an fsspec URL."
        )
    return request


def _submit(engine: Engine, entry: Entry) -> Moved:
    """Ask the governor, bring the sources, POST; return the entry and when to look at it again.

    Of two that do this at once, one begins the submit: the other finds the state changed. The POST
    holds the turnstile, so nobody polls its job until its answer is noted.
    """
    gate = engine.governor.ask(entry.id)
    if gate.wait_s:
        return _wait_outside(engine, entry, gate)
    try:
        with engine.pulse.keeps(entry.id, most_s=engine.most_upload_s(entry)):
            entry = bring_sources(engine, entry)
    except (InvalidRequest, StorageError, ApiError) as error:
        engine.governor.release(entry.id)
        return _without_sources(engine, entry, error, gate)
    posted = _post(engine, entry, gate)
    if posted is None:
        _release_if_ended(engine, entry.id)
        return None
    tell_governor(engine, gate, posted.passed.entry, posted.outcome)
    noted = _note(engine, posted, gate) or _note_again(engine, posted, gate)
    if noted is None:
        leave_if_cancelled(engine, posted.passed.entry, posted.outcome)
    return noted


def _wait_outside(engine: Engine, entry: Entry, gate: Gate) -> Moved:
    """The account is on hold, throttled or full: nothing is sent."""
    if gate.must_check:
        check_account(engine)
    failure = held_too_long(entry, gate.reason, engine.limits)
    if failure is not None:
        return _at_once(engine.ledger.failed(entry, failure))
    delayed = engine.ledger.delayed(entry, gate.wait_s, gate.reason, held=gate.held)
    return _after(delayed, gate.wait_s)


def _post(engine: Engine, entry: Entry, gate: Gate) -> Posted | None:
    """POST in the first dialect whose address the service knows; None where we came too late."""
    wait_s = _wait_s(engine, entry)
    for dialect in (candidates := _candidates(engine, entry, wait_s)):
        posted = _post_in(dialect, engine, entry, gate, wait_s)
        if posted is None:
            return None
        if isinstance(posted.outcome, Started | Finished):
            engine.dialects.worked(dialect)
        is_last = dialect is candidates[-1]
        if not isinstance(posted.outcome, NotFound) or is_last:
            return posted
        passed = posted.passed
        put_back = engine.ledger.put_back(
            passed.entry, 0, "trying the other dialect", leaving=passed.leaving
        )
        if put_back is None:
            return None
        entry = put_back
    return None


def _candidates(engine: Engine, entry: Entry, wait_s: float) -> tuple[Dialect, ...]:
    """A POST is repeated as it was: only the same id tells the service that it is a repetition."""
    if entry.lost:
        return (entry.dialect,)
    return (Dialect.QUERY,) if wait_s else engine.dialects.candidates()


def _wait_s(engine: Engine, entry: Entry) -> float:
    if entry.lost and entry.dialect is not Dialect.QUERY:
        return 0.0
    return entry.request.wait_s(engine.settings.semi_async_seconds)


def _post_in(
    dialect: Dialect, engine: Engine, entry: Entry, gate: Gate, wait_s: float
) -> Posted | None:
    """Record the intent, which enters the turnstile, and POST."""
    job = Job(
        dialect.job_id(engine.job_uuid(entry)),
        engine.api.base_url,
        dialect,
        engine.governor.account,
        gate.foreign_ids,
        webhook=bool(engine.settings.webhook_url),
    )
    passed = engine.turnstile.for_post(entry)
    noted_at = time.monotonic()
    begun = engine.ledger.begin_submit(entry, job, passed.entering)
    if begun is None:
        return None
    if time.monotonic() - noted_at > _SLEPT_S:
        engine.turnstile.leave(passed)
        return None
    passed = replace(passed, entry=begun)
    renew = partial(engine.turnstile.renew, passed)
    with engine.pulse.keeps(entry.id, renew, engine.most_answer_s + wait_s):
        return Posted(entry, job, passed, _start(engine, passed, wait_s))


def _start(engine: Engine, passed: Pass, wait_s: float) -> SubmitOutcome:
    entry, request = passed.entry, passed.entry.request
    try:
        return engine.api.start(
            entry.dialect,
            (request.from_format, request.to_format),
            request.form(entry.uploads),
            entry.job_id,
            engine.keeper(entry.id),
            webhook=engine.webhook(entry.id),
            wait_s=wait_s,
        )
    except BaseException:
        engine.turnstile.leave(passed)
        raise


def _note(engine: Engine, posted: Posted, gate: Gate) -> Moved:
    """Write into the ledger what the answer means; the same step leaves the turnstile."""
    ledger, spacing_s = engine.ledger, engine.spacing_s
    entry, leaving, outcome = posted.passed.entry, posted.passed.leaving, posted.outcome
    match after_submit(outcome, entry, engine.limits, account_is_well=gate.well):
        case Taken(job_id):
            return _started(engine, posted.passed, job_id)
        case Keep(result):
            log.info("finished_at_submit", cost=result.cost)
            return _at_once(ledger.ready(entry, result, leaving=leaving))
        case AskFirst(note, closed_at_once, refusal):
            delay_s = schedule.next_poll(spacing_s, 0)
            log.warning("submit_unclear", reason=note)
            asked = ledger.ask_first(
                *(entry, delay_s, note),
                closed_at_once=closed_at_once,
                refusal=refusal,
                leaving=leaving,
            )
            return _after(asked, delay_s)
        case SubmitAgain(note, _, reupload):
            delay_s = _submit_again_in_s(engine, posted, reupload=reupload)
            log.info("submit_put_back", reason=note, delay_s=round(delay_s, 2))
            put_back = ledger.put_back(entry, delay_s, note, reupload=reupload, leaving=leaving)
            return _after(put_back, delay_s)
        case Hold(failure):
            delay_s = hold_account(engine, failure)
            put_back = ledger.put_back(
                *(entry, delay_s, failure.message),
                held=True,
                denied=_is_its_own(failure, gate),
                leaving=leaving,
            )
            return _after(put_back, delay_s)
        case Bury(failure, cost):
            log.warning("conversion_failed", kind=failure.kind.value, code=failure.code)
            return _at_once(ledger.failed(entry, failure, cost=cost, leaving=leaving))


def _is_its_own(failure: Failure, gate: Gate) -> bool:
    """Whether a refusal may be meant for this conversion alone; a used-up balance never is."""
    return gate.well and failure.code != BALANCE_USED_UP


def _note_again(engine: Engine, posted: Posted, gate: Gate) -> Moved:
    """Redis may have been switched, and have lost the intent: it is recorded once more.

    Refused where that is not so: the entry has moved on, or has ended.
    """
    passed = posted.passed
    begun = engine.ledger.begin_submit(posted.before, posted.job, passed.entering, was_lost=True)
    if begun is None:
        return None
    log.warning("intent_was_lost")
    return _note(engine, replace(posted, passed=replace(passed, entry=begun)), gate)


def _submit_again_in_s(engine: Engine, posted: Posted, *, reupload: bool) -> float:
    if reupload:
        return 0.0
    if isinstance(posted.outcome, Throttled):
        return engine.governor.throttled(posted.outcome.retry_after_s)
    return schedule.retry_submit(engine.spacing_s, posted.passed.entry.strikes)


def _started(engine: Engine, passed: Pass, job_id: str) -> Moved:
    entry = passed.entry
    expectation = engine.ledger.pace.expected(entry.request)
    mostly_open = engine.ledger.pace.begin(entry.request)
    delay_s = (
        schedule.first_fallback(engine.spacing_s, expectation, mostly_open=mostly_open)
        if entry.webhook
        else schedule.first_poll(engine.spacing_s, expectation)
    )
    log.info("submitted", dialect=entry.dialect.value, first_poll_s=round(delay_s, 2))
    started = engine.ledger.started(
        entry, job_id, delay_s, expectation=expectation, leaving=passed.leaving
    )
    # The webhook may be faster than the answer to the submit.
    return _after(started, engine.spacing_s if started and started.called else delay_s)


def _release_if_ended(engine: Engine, conversion_id: str) -> None:
    """Cancelled meanwhile, it is no job; begun by another, it is."""
    current = engine.ledger.find(conversion_id)
    if current is None or current.state.is_final:
        engine.governor.release(conversion_id)


def _without_sources(
    engine: Engine,
    entry: Entry,
    error: InvalidRequest | StorageError | ApiError,
    gate: Gate,
) -> Moved:
    """The sources could not be brought: say why, or try later."""
    failure = failure_of_source(error)
    if failure is None:
        return _try_later(engine, entry, error)
    decision: Hold | Bury = Bury(failure)
    if failure.kind is FailureKind.ACCOUNT:
        engine.governor.refused(entry.id)
        decision = denied(failure, entry, engine.limits, is_well=gate.well)
    if isinstance(decision, Bury):
        return _at_once(engine.ledger.failed(entry, decision.failure))
    delay_s = hold_account(engine, failure)
    delayed = engine.ledger.delayed(
        *(entry, delay_s, failure.message), held=True, denied=_is_its_own(failure, gate)
    )
    return _after(delayed, delay_s)


def _try_later(engine: Engine, entry: Entry, error: Exception) -> Moved:
    note = f"the source could not be uploaded: {error}"
    if isinstance(error, OtherStorage):
        return _hold_for_storage(engine, entry, note)
    too_long = waited_too_long(entry, note, engine.limits)
    if too_long is not None:
        kind = FailureKind.STORAGE if isinstance(error, StorageError) else too_long.kind
        return _at_once(engine.ledger.failed(entry, replace(too_long, kind=kind)))
    delay_s = (
        engine.governor.throttled(error.retry_after_s)
        if isinstance(error, ComeLater)
        else schedule.retry_submit(engine.spacing_s, entry.strikes)
    )
    log.warning("submit_delayed", reason=note, delay_s=round(delay_s, 2))
    return _after(engine.ledger.delayed(entry, delay_s, note), delay_s)


def _hold_for_storage(engine: Engine, entry: Entry, note: str) -> Moved:
    """The operator has something to repair, or another worker has the right storage."""
    too_long = held_too_long(entry, note, engine.limits)
    if too_long is not None:
        failure = replace(too_long, kind=FailureKind.STORAGE)
        return _at_once(engine.ledger.failed(entry, failure))
    delay_s = schedule.for_another(entry.strikes)
    log.warning("submit_held", reason=note, delay_s=delay_s)
    return _after(engine.ledger.delayed(entry, delay_s, note, held=True), delay_s)


def _after(entry: Entry | None, delay_s: float) -> Moved:
    return None if entry is None else (entry, delay_s)


def _at_once(entry: Entry | None) -> Moved:
    return _after(entry, 0)
