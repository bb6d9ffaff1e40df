"""When outcomes become visible to whoever enqueued: the moment at which `AsyncResult.get` returns.

Celery's Redis backend publishes each result as it stores it. One listener for all of them costs
neither side anything, and is the same for both.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Collection, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final, Self

import redis

from benchmarks.redis_use import measuring_client

__all__ = ["Outcome", "Outcomes"]

_PREFIX: Final = "celery-task-meta-"
_FINAL: Final = ("SUCCESS", "FAILURE", "REVOKED")
_LOOK_S: Final = 0.2
_AT_ONCE: Final = 1000

Outcome = tuple[float, bool]
"""When it became visible, seconds since the epoch, and whether it is a success."""


class Outcomes:
    """Listens for results in a thread of its own.

    Args:
        url: The server.
        look_s: Seconds between two looks for results that were stored and not published.

    Attributes:
        seen: Each outcome, by the result's id.
        silent: How many results were stored and not published.
    """

    def __init__(self, url: str, look_s: float = 5.0) -> None:
        self._client = measuring_client(url)
        self._pubsub: Any = self._client.pubsub(ignore_subscribe_messages=True)
        self._look_s = look_s
        self._stored: dict[str, Outcome] = {}
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
        while missing := {it for it in ids if it not in self.seen}:
            if time.monotonic() > deadline:
                break
            time.sleep(min(_LOOK_S, self._look_s))
            if time.monotonic() - looked > self._look_s:
                looked = time.monotonic()
                self._look(missing)
        return missing

    def _look(self, missing: Collection[str]) -> None:
        """Take what was there at the last look, too: it would have been heard of by now."""
        stored = self._found(sorted(missing))
        for name in stored.keys() & self._stored.keys() - self.seen.keys():
            self.seen[name] = stored[name]
            self.silent += 1
        self._stored = stored

    def _found(self, names: Sequence[str]) -> dict[str, Outcome]:
        found = {}
        for start in range(0, len(names), _AT_ONCE):
            part = names[start : start + _AT_ONCE]
            values = self._client.mget([f"{_PREFIX}{name}" for name in part])
            for name, value in zip(part, values, strict=True):
                outcome = None if value is None else _outcome_of(json.loads(value))
                if outcome is not None:
                    found[name] = outcome
        return found

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


def _outcome_of(result: dict[str, Any]) -> Outcome | None:
    """What a stored result says, None where it is no outcome yet."""
    if result.get("status") not in _FINAL:
        return None
    done = datetime.fromisoformat(result["date_done"])
    at = done if done.tzinfo else done.replace(tzinfo=UTC)
    return at.timestamp(), result["status"] == "SUCCESS"
