"""A message that is all that there is, and can't be worked on just now: it comes back, in a while.

One that went back to its queue would be drawn again at once: as long as Redis refuses what the task
needs, a worker would do nothing else, and as fast as it can.
"""

from __future__ import annotations

from typing import Final, NoReturn

from celery import Task
from celery.exceptions import Reject

__all__ = ["come_back"]

_MOST_S: Final = 60.0


def come_back(task: Task, error: Exception) -> NoReturn:
    """Send the message again, with a countdown that grows to a minute. There is no limit.

    Args:
        task: The task whose message it is; its ``max_retries`` is None.
        error: Why it can't be worked on.

    Raises:
        Retry: It was sent.
        Reject: The broker does not take it, so it goes back as it is.
    """
    countdown_s = min(2.0 ** min(task.request.retries, 10), _MOST_S)
    try:
        raise task.retry(countdown=countdown_s)
    except Reject:
        # Celery would drop what it could not send.
        raise Reject(error, requeue=True) from None
