"""Which Celery settings of an application can't work with Conveyor (invariant I7).

An application's signatures are published by its own processes, and its own workers run what comes
after them. Most settings have no part in that, or `conveyor.messaging.publishing` overrides them.
The rest is looked at here. `docs/production.md` has the whole table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

from celery import Celery
from celery.exceptions import QueueNotFound

from conveyor import names
from conveyor.messaging.application_servers import look_at_broker, look_at_results
from conveyor.messaging.application_settings import LOOKS
from conveyor.messaging.complaint import Complaint
from conveyor.messaging.publishing import options_of

__all__ = ["check_application", "check_signing", "queue_of_task"]


def check_application(app: Celery, broker_url: str, result_backend: str) -> None:
    """Refuse settings of an application that can't work.

    Args:
        app: The application's.
        broker_url: The workers' broker.
        result_backend: Where the workers keep results.

    Raises:
        SettingsError: One can't; the message names it and says what to do, in one line.
    """
    looks = (
        *(look(app) for look in LOOKS),
        look_at_broker(app, broker_url),
        look_at_results(app, result_backend),
    )
    for complaint in chain.from_iterable(looks):
        raise complaint.error()


def check_signing(app: Celery, queue: str) -> None:
    """Refuse what keeps a signature of ours from being published by this process.

    Args:
        app: The application's, or ours.
        queue: Where signatures go.

    Raises:
        SettingsError: A setting keeps a signature from being published.
    """
    if app.conf.task_always_eager:
        raise Complaint(
            "task_always_eager",
            "runs tasks in your own process, but conversions run in Conveyor's workers",
            "turn it off in the process that makes signatures, or use convert(). "
            "In tests, use conveyor.testing.FakeConveyor",
        ).error()
    _route(app, options_of(queue, app), names.SUBMIT)


def queue_of_task(app: Celery, task: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> str:
    """The queue into which an application sends a task of its own.

    Args:
        app: The application's.
        task: The task's name.
        args: Its arguments, for routes that look at them.
        kwargs: The same by name.

    Raises:
        SettingsError: A setting keeps it from being sent.
    """
    routed = _route(app, {}, task, tuple(args), dict(kwargs))
    queue = routed.get("queue") or routed.get("routing_key")
    return str(getattr(queue, "name", queue))


def _route(
    app: Celery,
    options: dict[str, Any],
    task: str,
    args: tuple[Any, ...] = (),
    kwargs: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Where Celery would send a task.

    Raises:
        SettingsError: A setting keeps it from being sent.
    """
    try:
        routed: dict[str, Any] = app.amqp.router.route(options, task, args, kwargs or {})
    except QueueNotFound as error:
        raise Complaint(
            "task_create_missing_queues",
            f"keeps {task} from being sent ({error})",
            "use only queues in task_routes and task_default_queue that task_queues lists",
        ).error() from error
    except Exception as error:
        raise Complaint(
            "task_routes",
            f"raises {type(error).__name__} for {task}",
            "let it return None for task names that it does not know",
        ).error() from error
    return routed
