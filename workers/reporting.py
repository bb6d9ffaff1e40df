"""Reports an outcome to its caller, step by step: sends the next step, stores the result.

Celery sends callbacks and chain, then stores the result, and runs all of it again where the result
backend is away. So ``deliver`` does this itself. Each step is noted in the ledger when it is done,
and a delivery that comes again leaves out what is noted:

1. what goes on with a result: each callback (``link``), then the rest of the chain;
2. the result, or the failure, into the result backend;
3. the chord's part;
4. what goes on after a failure: the rest of the chain fails, then each errback (``link_error``).

A process that dies between a step and its note repeats this one step. `conveyor.messaging.canvas`
makes the steps.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, NoReturn

import structlog
from celery import Task
from celery.app.task import Context
from celery.exceptions import Ignore
from kombu.exceptions import OperationalError

from conveyor.domain import retries
from conveyor.ledger import Entry
from conveyor.ledger.delivery_lease import Lease
from conveyor.ledger.faults import RedisError
from conveyor.ledger.left_behind import leftovers_of
from conveyor.messaging.canvas import steps_of
from conveyor.messaging.recipient import Recipient
from workers.comebacks import come_back
from workers.expiring import keep_s_of
from workers.services import Services

__all__ = ["forget_result", "leave_nothing_to_celery", "refuse", "report_outcome", "revoke"]

_AWAY: Final = (RedisError, OSError)

log = structlog.get_logger("conveyor.reporting")


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
    steps = [step for step in steps_of(to, entry) if step.place not in done]
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


def forget_result(backend: Any, conversion_id: str) -> None:
    """Remove what Celery's result backend holds of a conversion.

    Args:
        backend: The result backend. One that can't remove anything is left alone.
        conversion_id: The conversion's id.
    """
    with suppress(NotImplementedError):
        backend.forget(conversion_id)


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
        keep_files_s=keep_s_of(services, entry),
    )
