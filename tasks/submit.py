"""`conveyor.submit`: start conversions at the service. The task that a caller enqueues."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

import structlog
from celery.exceptions import Ignore

from conveyor import names
from conveyor.convertapi.errors import ApiError, ComeLater
from conveyor.domain import schedule
from conveyor.domain.answers import (
    Finished,
    NotFound,
    Started,
    SubmitAnswer,
    Throttled,
)
from conveyor.domain.canvas import Caller
from conveyor.domain.conversion import Failure, FailureKind
from conveyor.domain.decision import (
    AskFirst,
    Bury,
    Hold,
    SubmitAgain,
    after_submit,
    denied,
    held_too_long,
    waited_too_long,
)
from conveyor.domain.dialect import Dialect
from conveyor.domain.request import ConversionRequest
from conveyor.domain.sources import SourceKind
from conveyor.errors import InvalidRequest, StorageError
from conveyor.fingerprint import fingerprint_of
from conveyor.ledger import Entry, RevokedBefore, Submission, is_another
from conveyor.ledger.governor import BALANCE_USED_UP, Admission
from conveyor.ledger.turnstile import Pass
from conveyor.storage.marker import OtherStorage
from workers import losses
from workers.account import check_account, hold_account, tell_governor
from workers.app import app
from workers.base import ConversionTask
from workers.claiming import begin_on, room_for
from workers.cleanup import leave_if_cancelled
from workers.delivery import follow, lease_for
from workers.heartbeat import Work
from workers.revoking import DROPPED
from workers.sources import bring_sources, failure_of_source
from workers.telling import refuse, revoke
from workers.wiring import Services

# A process that was stopped between intent and POST for so long may have been taken for dead: it
# must not POST any more. Whoever claims it next asks for the job first.
_SLEPT_S: Final = 10.0
_MOST_ID_CHARACTERS: Final = 200

# A service that asks for more patience than that is asked again all the same.
_LONGEST_THROTTLE_S: Final = 3600.0

log = structlog.get_logger("conveyor.submit")


@dataclass(frozen=True, slots=True)
class Posted:
    """A POST and its answer.

    Attributes:
        before: The conversion as it stood before.
        job: What was posted.
        passed: The turnstile's pass, with the conversion as it stood when the POST began.
        answer: The answer.
        at: When it went out, by this process's clock.
    """

    before: Entry
    job: Submission
    passed: Pass
    answer: SubmitAnswer
    at: float


class SubmitTask(ConversionTask):
    """A signature's first message is all that there is of its conversion."""

    abstract = True

    def is_only_record(self, *_args: Any, to: str = "", **_kwargs: Any) -> bool:
        """Whether this is a signature; a bell names no target."""
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
    at: float = 0.0,
) -> None:
    """Submit what is due, side by side; each first poll is then due by its own date.

    A signature's message opens its entry first.

    Args:
        self: The task.
        source: What a signature asks for; absent where this is a bell.
        to: As in `Conveyor.convert`.
        from_format: As in `Conveyor.convert`.
        params: As in `Conveyor.convert`.
        semi_async_seconds: As in `Conveyor.convert`.
        asked: A hash of the same, by which a repeat is told.
        at: When the bell was to come, by Redis' clock.

    Raises:
        Ignore: The caller's callbacks must not run yet: they go with ``deliver``.
    """
    if to:
        _begin(self, asked, (source, to, from_format, params, semi_async_seconds))
    _submit_due(self.services, at)
    if Caller.of(self.request).is_called_back:
        raise Ignore


def _begin(task: ConversionTask, asked: str, call: tuple[Any, ...]) -> None:
    entry = task.services.ledger.find(task.request.id)
    dropped = getattr(task.request, DROPPED, "")
    if dropped and entry is None:
        revoke(task, dropped)
    _accept(task, entry, asked, call)


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


def _accept(task: ConversionTask, entry: Entry | None, asked: str, call: tuple[Any, ...]) -> None:
    """Accept a signature's conversion, or tell its caller why it can't be right.

    Its message may come twice. One of the same id that asks for something else is refused: its
    caller must not take the other's file for its own.
    """
    ledger, conversion_id = task.services.ledger, task.request.id
    try:
        _check_id(conversion_id)
        request = _check(ConversionRequest.build(*call))
        asked = asked or fingerprint_of(request)
        if entry is None:
            taken = task.services.storage.tokens_of(request.addresses)
            caller = Caller.of(task.request)
            opened = ledger.open(
                *(conversion_id, request, caller),
                takes=taken,
                asked=asked,
                unless_revoked=True,
                # What is due is claimed right after, this one among it.
                rings=False,
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


def _submit(services: Services, admission: Admission, passed: Pass, work: Work) -> None:
    """Bring the sources, POST, and note the answer.

    The turnstile is ours, so nobody polls the job until the answer is noted.
    """
    try:
        work.may_take(services.most_upload_s(passed.entry))
        passed = replace(passed, entry=bring_sources(services, passed.entry))
    except (InvalidRequest, StorageError, ApiError) as error:
        follow(services, _without_sources(services, passed, error, admission))
        return
    posted = _post(services, passed, admission, work)
    if posted is None:
        services.turnstile.leave(passed)
        return
    tell_governor(services, admission, posted.passed.entry, posted.answer)
    taking = _taking(services, posted)
    noted = _record(services, posted, admission, taking) or _record_again(
        services, posted, admission, taking
    )
    if noted is None:
        leave_if_cancelled(services, posted.passed.entry, posted.answer)
    follow(services, noted, taking)


def _taking(services: Services, posted: Posted) -> Mapping[str, Any] | None:
    """A lease for a result that is delivered as soon as it is noted."""
    answer = posted.answer
    if not isinstance(answer, Finished):
        return None
    return lease_for(services, posted.passed.entry, answer.result)


def _end_waiting(services: Services, passed: Pass, _work: Work) -> None:
    """It has waited for the account for too long: nothing was sent."""
    failure = held_too_long(passed.entry, services.governor.why(), services.limits)
    if failure is None:
        services.turnstile.leave(passed)
        return
    follow(services, services.ledger.failed(passed.entry, failure, leaving=passed.leaving))


def _post(services: Services, passed: Pass, admission: Admission, work: Work) -> Posted | None:
    """POST in the first dialect whose address the service knows; None where we came too late."""
    wait_s = _wait_s(services, passed.entry)
    work.may_take(services.most_answer_s + wait_s)
    for dialect in (candidates := _candidates(services, passed.entry, wait_s)):
        posted = _post_in(dialect, services, passed, admission, wait_s)
        if posted is None:
            return None
        if isinstance(posted.answer, Started | Finished):
            services.dialects.worked(dialect)
        is_last = dialect is candidates[-1]
        if not isinstance(posted.answer, NotFound) or is_last:
            return posted
        put_back = services.ledger.put_back(
            posted.passed.entry, 0, "trying the other dialect", leaving=posted.passed.leaving
        )
        if put_back is None:
            return None
        passed = replace(passed, entry=put_back)
    return None


def _candidates(services: Services, entry: Entry, wait_s: float) -> tuple[Dialect, ...]:
    """A POST is repeated as it was: only the same id tells the service that it is a repetition."""
    if entry.lost:
        return (entry.dialect,)
    return (Dialect.QUERY,) if wait_s else services.dialects.candidates()


def _wait_s(services: Services, entry: Entry) -> float:
    if entry.lost and entry.dialect is not Dialect.QUERY:
        return 0.0
    return entry.request.wait_s(services.settings.semi_async_seconds)


def _post_in(
    dialect: Dialect, services: Services, passed: Pass, admission: Admission, wait_s: float
) -> Posted | None:
    """Record the intent, and POST."""
    entry = passed.entry
    job = Submission(
        dialect.job_id(services.job_uuid(entry)),
        services.api.base_url,
        dialect,
        services.governor.account,
        admission.foreign_ids,
        webhook=bool(services.settings.webhook_url),
    )
    noted_at = time.monotonic()
    begun = services.ledger.begin_submit(entry, job, passed.entering)
    if begun is None or time.monotonic() - noted_at > _SLEPT_S:
        return None
    passed, posted_at = replace(passed, entry=begun), time.monotonic()
    return Posted(entry, job, passed, _start(services, passed, wait_s), posted_at)


def _start(services: Services, passed: Pass, wait_s: float) -> SubmitAnswer:
    entry, request = passed.entry, passed.entry.request
    try:
        return services.api.start(
            entry.dialect,
            (request.from_format, request.to_format),
            request.form(entry.uploads),
            entry.job_id,
            services.keeper(entry.id),
            webhook=services.webhook(entry.id),
            wait_s=wait_s,
        )
    except BaseException:
        services.turnstile.leave(passed)
        raise


def _record(
    services: Services, posted: Posted, admission: Admission, taking: Mapping[str, Any] | None
) -> Entry | None:
    """Write into the ledger what the answer means; the same step leaves the turnstile."""
    ledger, spacing_s = services.ledger, services.spacing_s
    entry, leaving, answer = posted.passed.entry, posted.passed.leaving, posted.answer
    match after_submit(answer, entry, services.limits, account_is_well=admission.well):
        case Started(job_id):
            return _started(services, posted.passed, job_id, posted.at)
        case Finished(result):
            log.info("finished_at_submit", cost=result.cost)
            return ledger.ready(entry, result, leaving=leaving, taking=taking)
        case AskFirst(note, closed_at_once, refusal):
            log.warning("submit_unclear", reason=note)
            return ledger.ask_first(
                *(entry, schedule.next_poll(spacing_s, 0), note),
                closed_at_once=closed_at_once,
                refusal=refusal,
                leaving=leaving,
            )
        case SubmitAgain(note, _, reupload):
            delay_s = _submit_again_in_s(services, posted, reupload=reupload)
            log.info("submit_put_back", reason=note, delay_s=round(delay_s, 2))
            return ledger.put_back(entry, delay_s, note, reupload=reupload, leaving=leaving)
        case Hold(failure):
            hold_account(services, failure)
            return ledger.put_back(
                *(entry, 0, failure.message),
                held=True,
                denied=_is_its_own(failure, admission),
                leaving=leaving,
            )
        case Bury(failure, cost):
            log.warning("conversion_failed", kind=failure.kind.value, code=failure.code)
            return ledger.failed(entry, failure, cost=cost, leaving=leaving)


def _is_its_own(failure: Failure, admission: Admission) -> bool:
    """Whether a refusal may be meant for this conversion alone; a used-up balance never is."""
    return admission.well and failure.code != BALANCE_USED_UP


def _record_again(
    services: Services, posted: Posted, admission: Admission, taking: Mapping[str, Any] | None
) -> Entry | None:
    """Redis may have been switched, and have lost the intent: it is recorded once more.

    Refused where that is not so: the entry has moved on, or has ended.
    """
    passed = posted.passed
    begun = services.ledger.begin_submit(posted.before, posted.job, passed.entering, was_lost=True)
    if begun is None:
        return None
    log.warning("intent_was_lost")
    again = replace(posted, passed=replace(passed, entry=begun))
    return _record(services, again, admission, taking)


def _submit_again_in_s(services: Services, posted: Posted, *, reupload: bool) -> float:
    if reupload:
        return 0.0
    consecutive_failures = posted.passed.entry.consecutive_failures
    if isinstance(posted.answer, Throttled):
        return _throttled(services, consecutive_failures, posted.answer.retry_after_s)
    return schedule.retry_submit(services.spacing_s, consecutive_failures)


def _throttled(services: Services, consecutive_failures: int, retry_after_s: float | None) -> float:
    """Note a throttle: many slow the fleet down, and this one waits as long as the service asks."""
    rate = services.governor.throttled()
    log.info("throttled", rate=round(rate, 2))
    least_s = schedule.retry_submit(services.spacing_s, consecutive_failures)
    return max(least_s, min(retry_after_s or 0.0, _LONGEST_THROTTLE_S))


def _started(services: Services, passed: Pass, job_id: str, posted_at: float) -> Entry | None:
    entry = passed.entry
    expectation = services.ledger.expected_durations.of(entry.request)
    mostly_open = services.ledger.expected_durations.begin(entry.request)
    took_s = time.monotonic() - posted_at
    delay_s = (
        schedule.first_fallback(services.spacing_s, expectation, mostly_open=mostly_open)
        if entry.webhook
        else schedule.first_poll(services.spacing_s, expectation, took_s)
    )
    log.debug("submitted", dialect=entry.dialect.value, first_poll_s=round(delay_s, 2))
    return services.ledger.started(
        entry, job_id, delay_s, expectation=expectation, leaving=passed.leaving
    )


def _without_sources(
    services: Services,
    passed: Pass,
    error: InvalidRequest | StorageError | ApiError,
    admission: Admission,
) -> Entry | None:
    """The sources could not be brought: say why, or try later."""
    entry, leaving = passed.entry, passed.leaving
    failure = failure_of_source(error)
    if failure is None:
        return _try_later(services, passed, error)
    decision: Hold | Bury = Bury(failure)
    if failure.kind is FailureKind.ACCOUNT:
        services.governor.refused(entry.id)
        decision = denied(failure, entry, services.limits, is_well=admission.well)
    if isinstance(decision, Bury):
        return services.ledger.failed(entry, decision.failure, leaving=leaving)
    hold_account(services, failure)
    return services.ledger.submit_later(
        *(entry, 0, failure.message),
        held=True,
        first=True,
        denied=_is_its_own(failure, admission),
        leaving=leaving,
    )


def _try_later(services: Services, passed: Pass, error: Exception) -> Entry | None:
    entry, leaving = passed.entry, passed.leaving
    note = f"the source could not be uploaded: {error}"
    if isinstance(error, OtherStorage):
        return _wait_for_storage(services, passed, note)
    too_long = waited_too_long(entry, note, services.limits)
    if too_long is not None:
        kind = FailureKind.STORAGE if isinstance(error, StorageError) else too_long.kind
        return services.ledger.failed(entry, replace(too_long, kind=kind), leaving=leaving)
    delay_s = schedule.retry_submit(services.spacing_s, entry.consecutive_failures)
    if isinstance(error, ComeLater):
        delay_s = _throttled(services, entry.consecutive_failures, error.retry_after_s)
    log.warning("submit_delayed", reason=note, delay_s=round(delay_s, 2))
    return services.ledger.submit_later(entry, delay_s, note, leaving=leaving)


def _wait_for_storage(services: Services, passed: Pass, note: str) -> Entry | None:
    """The operator has something to repair, or another worker has the right storage."""
    entry, leaving = passed.entry, passed.leaving
    too_long = held_too_long(entry, note, services.limits)
    if too_long is not None:
        failure = replace(too_long, kind=FailureKind.STORAGE)
        return services.ledger.failed(entry, failure, leaving=leaving)
    delay_s = schedule.for_another(entry.consecutive_failures)
    log.warning("submit_held", reason=note, delay_s=delay_s)
    return services.ledger.submit_later(entry, delay_s, note, held=True, leaving=leaving)
