"""``link_error`` of an application's tasks, called by workers that don't know these tasks.

Celery calls an errback in one of two forms, ``handler(request, exc, traceback)`` or
``handler(task_id)``, and tells them apart by the task's own parameters. Only the application's
workers know these. So the errback goes there on a message that fails on arrival, and Celery does
the rest as it does for every task: `celery.map`, which every worker has, is asked for a kind of
signature that there is none of. The kind is named after the failure, so the handler's exception is
a ``KeyError`` that says it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from celery import Celery

from conveyor.messaging.publishing import publish

__all__ = ["call_errbacks"]

_FAILS: Final = "celery.map"
_CALLED: Final = "conveyor.failed"


def call_errbacks(app: Celery, request: Any, error: BaseException) -> None:
    """Have the errbacks of a failed task called.

    Args:
        app: The workers'.
        request: The task's, with ``id`` and ``errbacks``.
        error: What it has failed with.
    """
    for plain in request.errbacks or ():
        errback = app.signature(plain, app=app)
        if errback.subtask_type or errback.task in app.tasks:
            # A canvas begins with the task's id, as Celery has it; and so do our own tasks.
            root_id = request.root_id or request.id
            errback.apply_async((request.id,), parent_id=request.id, root_id=root_id)
        else:
            _fail_there(app, request, plain, error)


def _fail_there(
    app: Celery, request: Any, errback: Mapping[str, Any], error: BaseException
) -> None:
    """Fail in the application's worker as the conversion did here."""
    options = errback.get("options") or {}
    said = f"{type(error).__name__}: {error}"
    publish(
        app,
        _FAILS,
        # Brokers of ours take a message to the queue that its routing key names.
        queue=options.get("queue") or options.get("routing_key") or app.conf.task_default_queue,
        kwargs={"task": {"subtask_type": said}, "it": []},
        kwargsrepr=repr(said),
        shadow=_CALLED,
        errbacks=[errback],
        root_id=request.root_id or request.id,
        parent_id=request.id,
        # The message is one of its own, so that nothing which was said of the task itself, such as
        # a revocation, is said of it. To the errback it is the task.
        embed={"id": request.id},
        ignore_result=True,
    )
