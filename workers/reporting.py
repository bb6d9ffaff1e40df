"""Reports an outcome to its caller, step by step: sends the next step, stores the result.

Celery sends callbacks and chain, then stores the result, and runs all of it again where the result
backend is away. So ``deliver`` does this itself. Each step is noted in the ledger when it is done,
and a delivery that comes again leaves out what is noted:

1. what goes on with a result: each callback (``link``), then the rest of the chain;
2. the result, or the failure, into the result backend;
3. the chord's part;
4. what goes on after a failure: the rest of the chain fails, then each errback (``link_error``).

An errback in its old form reads the failure from the result backend, so it comes after that. A
process that dies between a step and its note repeats this one step. A callback that is a single
task then has the same task id as before.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, NoReturn, Self
from uuid import UUID, uuid5

import structlog
from celery import Celery, Task, signature
from celery.app.task import Context
from celery.backends.redis import RedisBackend
from celery.exceptions import Ignore
from celery.states import FAILURE, SUCCESS
from kombu.exceptions import OperationalError

from conveyor.domain import retries
from conveyor.errors import ConversionFailed
from conveyor.ledger import Entry
from conveyor.ledger.delivery_lease import Lease
from conveyor.ledger.faults import RedisError
from conveyor.ledger.leftovers import leftovers_of
from workers.comebacks import come_back
from workers.wiring import Services

__all__ = ["Recipient", "leave_nothing_to_celery", "refuse", "report_outcome", "revoke"]

_IDS: Final = UUID("6f1f7a3e-6a53-4a55-8f0c-5d1f4d0f8b1e")
_AWAY: Final = (RedisError, OSError)

log = structlog.get_logger("conveyor.reporting")


@dataclass(frozen=True, slots=True)
class Recipient:
    """Who gets an outcome.

    Attributes:
        app: Through which the caller's next steps are sent.
        backend: Where the result is stored.
        request: Celery's, with the caller's task id and canvas.
    """

    app: Celery
    backend: Any
    request: Context

    @classmethod
    def of(cls, services: Services, entry: Entry) -> Self:
        """The caller of a conversion, as the ledger knows it.

        Args:
            services: What the process works with.
            entry: The conversion.
        """
        app = services.publisher.app
        options = entry.caller.options()
        group = options.pop("group_id")
        return cls(app, services.backend, Context(id=entry.id, group=group, children=[], **options))


@dataclass(frozen=True, slots=True)
class _Step:
    """One of what is to be done; `place` is its name in the ledger."""

    place: str
    do: Callable[[], object]


@dataclass(frozen=True, slots=True)
class _Child:
    """A task that was called, as a stored result names it. It listens for nothing."""

    id: str

    def as_tuple(self) -> tuple[tuple[str, None], None]:
        """Return the tuple that Celery's ``AsyncResult`` returns."""
        return (self.id, None), None


def report_outcome(services: Services, to: Recipient, lease: Lease, entry: Entry) -> None:
    """Report to a conversion's caller how it has ended, and note that it is delivered.

    Args:
        services: What the process works with.
        to: The caller.
        lease: The delivery's, which ends with it.
        entry: The conversion, ended.

    Raises:
        Ignore: The result backend is away, so the delivery comes again; or the lease has lapsed.
        OperationalError: The broker is away.
    """
    done, fault = entry.sent.split(), None
    steps = [step for step in _steps(to, entry) if step.place not in done]
    for left, step in zip(reversed(range(len(steps))), steps, strict=True):
        try:
            step.do()
        except OperationalError:
            raise
        except Exception as error:
            if isinstance(error, _away(to.backend)):
                _come_again(services, entry, error)
            # What can't be sent for its own sake keeps nobody from learning the outcome.
            log.exception("step_failed", step=step.place)
            fault = error
            continue
        done.append(step.place)
        # The last one is noted by `delivered`.
        if (left or fault) and services.ledger.sent(entry, done, lease.token) is None:
            raise Ignore
    if fault is not None:
        raise fault
    _record_delivered(services, lease, entry)


def leave_nothing_to_celery(request: Context) -> None:
    """Remove from a running task's request what Celery would do when the task ends.

    Args:
        request: The task's; its caller has the outcome.
    """
    request.callbacks = request.errbacks = request.chain = request.chord = None
    request.ignore_result = True


def refuse(task: Task, error: Exception) -> NoReturn:
    """Report to a caller that its request can't be right. The ledger knows no such conversion.

    Args:
        task: The task whose message asks for it.
        error: What its caller gets.

    Raises:
        Ignore: The caller knows.
        Retry: The result backend is away: the message, which is all that there is, comes back.
    """
    _outright(task, lambda: task.backend.mark_as_failure(_of(task).id, error, request=_of(task)))


def revoke(task: Task, reason: str) -> NoReturn:
    """Report to a caller, as Celery does, that its request was revoked before it had an entry.

    Args:
        task: The task whose message asks for it.
        reason: ``revoked`` or ``expired``.

    Raises:
        Ignore: The caller knows.
        Retry: The result backend is away: the message, which is all that there is, comes back.
    """
    log.info("revoked", reason=reason)
    _outright(task, lambda: task.backend.mark_as_revoked(_of(task).id, reason, request=_of(task)))


def _of(task: Task) -> Context:
    return task.request


def _outright(task: Task, mark: Callable[[], object]) -> NoReturn:
    try:
        mark()
    except _away(task.backend) as error:
        log.warning("result_backend_away", reason=type(error).__name__)
        come_back(task, error)
    raise Ignore


def _away(backend: Any) -> tuple[type[Exception], ...]:
    """What is raised while a result backend is away."""
    return (OperationalError, *_AWAY, *getattr(backend, "connection_errors", ()))


def _come_again(services: Services, entry: Entry, error: Exception) -> NoReturn:
    """Later, by a date in the ledger."""
    delay_s = retries.retry_report(entry.undelivered)
    log.warning("result_backend_away", reason=type(error).__name__, delay_s=delay_s)
    services.ledger.undelivered(entry, delay_s)
    raise Ignore


def _record_delivered(services: Services, lease: Lease, entry: Entry) -> None:
    services.ledger.delivered(
        entry.id,
        is_dead=entry.state.is_dead,
        delivery=lease.token,
        request=entry.request,
        leftovers=leftovers_of(entry),
    )


def _failure_of(entry: Entry) -> ConversionFailed | None:
    try:
        entry.conversion.raise_if_failed()
    except ConversionFailed as failure:
        return failure
    return None


# -- the steps ------------------------------------------------------------------------------------


def _steps(to: Recipient, entry: Entry) -> Iterable[_Step]:
    failure = _failure_of(entry)
    if failure is None:
        return _after_success(to, entry)
    return _after_failure(to, entry, failure)


def _after_success(to: Recipient, entry: Entry) -> Iterable[_Step]:
    request, result = to.request, entry.conversion.to_dict()
    links = _named(entry, "link", request.callbacks)
    children = [link for _, link in links]
    for place, link in links:
        yield _Step(place, partial(_send, to, link, result))
    if request.chain:
        *rest, following = request.chain
        ((_, following),) = _named(entry, "chain", [following])
        children.append(following)
        yield _Step("chain", lambda: _send(to, following, result, chain=rest))
    yield _Step("result", lambda: _store_result(to, result, children))
    if request.chord:
        yield _Step("chord", lambda: to.backend.on_chord_part_return(request, SUCCESS, result))


def _after_failure(to: Recipient, entry: Entry, failure: ConversionFailed) -> Iterable[_Step]:
    request, backend = to.request, to.backend
    text = "".join(traceback.format_exception_only(failure))
    yield _Step(
        "result",
        lambda: backend.store_result(request.id, failure, FAILURE, traceback=text, request=request),
    )
    if request.chord:
        yield _Step("chord", lambda: backend.on_chord_part_return(request, FAILURE, failure))
    if request.chain:
        yield _Step("chain", lambda: _fail_chain(to, failure, text))
    for place, errback in _named(entry, "link_error", request.errbacks):
        yield _Step(place, partial(_call_errback, to, errback, failure, text))


def _named(
    entry: Entry, kind: str, signatures: Iterable[Any] | None
) -> list[tuple[str, Mapping[str, Any]]]:
    """Signatures with their places; a single task's has an id that a repetition has, too.

    So where the next step is a conversion, a repeated message does not pay a second one.
    """
    return [
        (f"{kind}:{number}", _with_id(plain, f"{entry.id} {entry.turn} {kind}:{number}"))
        for number, plain in enumerate(signatures or ())
    ]


def _with_id(plain: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    options = dict(plain.get("options") or {})
    if plain.get("subtask_type") or options.get("task_id"):
        return plain
    return {**plain, "options": {**options, "task_id": str(uuid5(_IDS, name))}}


def _send(to: Recipient, plain: Mapping[str, Any], result: Any, **options: Any) -> None:
    request = to.request
    signature(plain, app=to.app).apply_async(
        (result,), parent_id=request.id, root_id=request.root_id or request.id, **options
    )


def _store_result(to: Recipient, result: Any, children: Iterable[Mapping[str, Any]]) -> None:
    """Store it with what was called, also where that was sent by an earlier delivery."""
    request = to.request
    ids = [child["options"].get("task_id") for child in children if child.get("options")]
    request.children[:] = [_Child(each) for each in ids if each]
    to.backend.store_result(request.id, result, SUCCESS, request=request)


def _call_errback(to: Recipient, errback: Any, failure: ConversionFailed, text: str) -> None:
    """Call one as Celery calls all of them."""
    request = Context(vars(to.request), errbacks=[errback])
    to.backend._call_task_errbacks(request, failure, text)  # noqa: SLF001 - Celery has no other way


def _fail_chain(to: Recipient, failure: ConversionFailed, text: str) -> None:
    """Fail the rest of a chain; where it is a part of a chord, that part is counted for sure.

    Celery leaves out a part whose failure is stored already, so a worker that died in between would
    leave the chord waiting. Redis counts each part once, however often it is told.
    """
    backend = to.backend
    backend._fail_chain(to.request.chain, failure, text)  # noqa: SLF001 - the same
    if not isinstance(backend, RedisBackend):
        return
    for plain in to.request.chain:
        context = Context(plain)
        context.update(context.options)
        context.id, context.group = context.options.get("task_id"), context.options.get("group_id")
        if context.chord:
            backend.on_chord_part_return(context, FAILURE, failure)
