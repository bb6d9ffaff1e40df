"""Unreadable messages: Celery drops them, and Conveyor reports it to the waiting caller."""

from __future__ import annotations

from typing import Any

import structlog
from celery import Celery, signals

from conveyor import names
from conveyor.errors import InvalidRequest

__all__ = ["install"]

log = structlog.get_logger("conveyor.unread")


def install(app: Celery) -> None:
    """Report to the callers of signatures that this worker refuses.

    Args:
        app: The workers'.
    """

    def tell(message: Any, exc: BaseException, **_: Any) -> None:
        """Fail the task of a signature's message that Celery has rejected."""
        headers = message.headers or {}
        if headers.get("task") != names.SUBMIT or not headers.get("id"):
            return
        log.warning("unreadable_message", reason=type(exc).__name__)
        error = InvalidRequest(
            f"The message can't be read ({type(exc).__name__}): send the signature with "
            "serializer='json', which is its own."
        )
        app.backend.mark_as_failure(headers["id"], error)

    signals.task_rejected.connect(tell, weak=False)
