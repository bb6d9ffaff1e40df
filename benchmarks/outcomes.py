"""When outcomes become visible to whoever enqueued: the moment at which `AsyncResult.get` returns.

Celery's Redis backend publishes each result as it stores it. One listener for all of them costs
neither side anything, and is the same for both.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Collection
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final, Self

import redis

from benchmarks.redis_use import measuring_client

__all__ = ["Outcome", "Outcomes"]

_PREFIX: Final = "celery-task-meta-"
_FINAL: Final = ("SUCCESS", "FAILURE", "REVOKED")
_LOOK_S: Final = 0.2
# Whoever stores a result without publishing it is found by looking.
_LOOK_AFTER_S: Final = 5.0

Outcome = tuple[float, bool]
"""When it became visible, seconds since the epoch, and whether it is a success."""


class Outcomes:
    """Listens for results in a thread of its own.

    Args:
        url: The server.

    Attributes:
        seen: Each outcome, by the result's id.
        silent: How many results were stored and not published.
    """

    def __init__(self, url: str) -> None:
        self._client = measuring_client(url)
        self._pubsub: Any = self._client.pubsub(  # type: ignore[no-untyped-call]
            ignore_subscribe_messages=True
        )
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self.seen: dict[str, Outcome] = {}
        self.silent = 0

    def __enter__(self) -> Self:
        self._pubsub.psubscribe(f"{_PREFIX}*")
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._ends.set()
        self._thread.join()
        self._pubsub.close()
        self._client.close()

    def wait(self, ids: Collection[str], timeout_s: float) -> set[str]:
        """Wait for the outcomes of conversions.

        Args:
            ids: Theirs.
            timeout_s: At most so many seconds.

        Returns:
            Those that have none.
        """
        deadline = time.monotonic() + timeout_s
        looked = time.monotonic()
        while (missing := {it for it in ids if it not in self.seen}) and (
            time.monotonic() < deadline
        ):
            time.sleep(_LOOK_S)
            if time.monotonic() - looked > _LOOK_AFTER_S:
                looked = time.monotonic()
                self._look(missing)
        return missing

    def _look(self, missing: Collection[str]) -> None:
        names = sorted(missing)
        for start in range(0, len(names), 1000):
            part = names[start : start + 1000]
            found = self._client.mget([f"{_PREFIX}{name}" for name in part])
            for name, value in zip(part, found, strict=True):
                if value is not None and name not in self.seen:
                    self._note_stored(name, json.loads(value))

    def _note_stored(self, name: str, result: dict[str, Any]) -> None:
        if result.get("status") in _FINAL:
            done = datetime.fromisoformat(result["date_done"])
            at = done if done.tzinfo else done.replace(tzinfo=UTC)
            self.seen[name] = at.timestamp(), result["status"] == "SUCCESS"
            self.silent += 1

    def _listen(self) -> None:
        while not self._ends.is_set():
            with suppress(redis.TimeoutError):
                message = self._pubsub.get_message(timeout=_LOOK_S)
                if message is not None:
                    self._note(message["channel"].decode(), message["data"])

    def _note(self, channel: str, data: bytes) -> None:
        now = time.time()
        for status in _FINAL:
            if b'"status": "%s"' % status.encode() in data:
                name = channel.removeprefix(_PREFIX)
                self.seen.setdefault(name, (now, status == "SUCCESS"))
