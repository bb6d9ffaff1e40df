"""Events of outcomes, for whoever watches the workers: Flower shows a conversion as one task.

Celery would tell of each of its tasks. But a small result is told in the poll's own breath, without
a task of its own, and most tasks are bells. So we tell of each conversion when its caller knows the
outcome. The events of many go out in one message, by a thread of their own: nobody waits for them,
and what can't be sent is dropped.
"""

from __future__ import annotations

import time
import traceback
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from threading import Lock
from typing import Any, Final

from celery import Celery
from celery.utils.saferepr import saferepr

from conveyor import names
from conveyor.domain.conversion import Conversion
from conveyor.errors import ConversionFailed
from workers.periodic import Periodic

__all__ = ["Announcer"]

EVERY_S: Final = 0.5
# While the broker is away: the latest.
_MOST: Final = 10_000
# As Celery's tasks have it.
_MOST_CHARACTERS: Final = 1024


@dataclass(frozen=True, slots=True)
class _Told:
    """An outcome; `at` is this host's time, as in all of Celery's events."""

    conversion: Conversion
    at: float
    took_s: float


class Announcer:
    """One process's.

    Args:
        app: Through which events are sent.
        node: The worker's name; empty where its events are switched off, or where this is none.
    """

    def __init__(self, app: Celery | None = None, node: str = "") -> None:
        self._app = app
        self._node = node
        self._told = deque[_Told](maxlen=_MOST)
        self._lock = Lock()
        self._has_begun = False

    def delivered(self, conversion: Conversion, took_s: float) -> None:
        """Have it announced soon that a caller was told.

        Args:
            conversion: As it has ended.
            took_s: How long it took to bring it to its caller, seconds.
        """
        if self._app is None or not self._node:
            return
        with self._lock:
            self._told.append(_Told(conversion, time.time(), took_s))
            if not self._has_begun:
                self._has_begun = True
                Periodic("announcer", EVERY_S, self.flush).start()

    def flush(self) -> None:
        """Send what there is to be announced.

        Raises:
            OperationalError: The broker did not take it; it is dropped.
        """
        with self._lock:
            told, self._told = self._told, deque(maxlen=_MOST)
        if not told or self._app is None:
            return
        events = [event for each in told for event in _events(each)]
        with self._app.pool.acquire(block=True) as connection:
            dispatcher = self._app.events.Dispatcher(
                connection,
                hostname=self._node,
                buffer_while_offline=False,
                buffer_group=("task",),
                buffer_limit=len(events) + 1,
            )
            for kind, fields in events:
                dispatcher.send(kind, **fields)
            dispatcher.flush()


def _events(told: _Told) -> Iterator[tuple[str, dict[str, Any]]]:
    """What a task that delivers one conversion sends."""
    conversion = told.conversion
    began = {"uuid": conversion.id, "timestamp": told.at - told.took_s}
    ended = {"uuid": conversion.id, "timestamp": told.at}
    call = {"name": names.DELIVER, "args": saferepr((conversion.id,)), "kwargs": "{}"}
    yield "task-received", {**began, **call, "root_id": conversion.id, "retries": 0}
    yield "task-started", began
    try:
        conversion.raise_if_failed()
    except ConversionFailed as failure:
        text = "".join(traceback.format_exception_only(failure))
        yield "task-failed", {**ended, "exception": saferepr(failure), "traceback": text}
    else:
        # It holds plain values alone. Celery's `saferepr` takes as long as a whole transition.
        result = repr(conversion.to_dict())[:_MOST_CHARACTERS]
        yield "task-succeeded", {**ended, "result": result, "runtime": told.took_s}
