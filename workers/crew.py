"""The crew: cheap threads that talk to the service, many for each of Celery's slots (invariant I4).

A task hands over what it has claimed, and waits for it. What takes long goes on without the task:
its thread does not count as one of the crew any more, so that answers which dribble hold nobody up.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from queue import Empty, SimpleQueue
from threading import Condition, Lock, Thread
from typing import Final

import structlog

__all__ = ["Batch", "Crew"]

# What takes longer goes on beside the crew.
_PATIENCE_S: Final = 0.5
# So many times the crew may be at work, those that go on beside it among them.
_MOST: Final = 8
_ENOUGH: Final = 4
# After a flood threads that nobody needs end.
_IDLE_S: Final = 60.0

Job = Callable[[], object]

log = structlog.get_logger("conveyor.crew")


class Batch:
    """Jobs that were handed over together; the crew's lock guards it."""

    def __init__(self, count: int) -> None:
        self.left = count
        self.is_awaited = True


class Crew:
    """One process's threads.

    Args:
        size: How many work side by side.
        patience_s: How long a batch is waited for, seconds.
    """

    def __init__(self, size: int, patience_s: float = _PATIENCE_S) -> None:
        self._size = size
        self._patience_s = patience_s
        self._jobs: SimpleQueue[tuple[Job, Batch]] = SimpleQueue()
        self._changed = Condition()
        self._turn = Lock()
        self._threads = self._busy = self._at_work = 0

    def room(self, patience_s: float) -> int:
        """How many jobs can begin at once.

        Args:
            patience_s: How long to wait for a quarter of the crew, seconds.
        """
        deadline = time.monotonic() + patience_s
        with self._changed:
            while self._free() < -(-self._size // _ENOUGH):
                left_s = deadline - time.monotonic()
                if left_s <= 0:
                    break
                self._changed.wait(left_s)
            return self._free()

    @contextmanager
    def turn(self, patience_s: float) -> Iterator[int]:
        """Claim as many conversions as there is room for, one task at a time.

        Args:
            patience_s: As `room` has it.

        Yields:
            The room, which nobody else takes until the block ends.
        """
        with self._turn:
            yield self.room(patience_s)

    def work(self, jobs: Sequence[Job]) -> None:
        """Do these side by side, and wait for them for a while; as `begin` and `wait`."""
        self.wait(self.begin(jobs))

    def begin(self, jobs: Sequence[Job]) -> Batch:
        """Begin these, side by side.

        Args:
            jobs: As many as there is `room` for. What one raises is logged.

        Returns:
            What to wait for.
        """
        batch = Batch(len(jobs))
        with self._changed:
            self._busy += len(jobs)
            self._at_work += len(jobs)
            while self._threads < self._at_work:
                self._threads += 1
                Thread(target=self._run, name=f"conveyor-{self._threads}", daemon=True).start()
        for job in jobs:
            self._jobs.put((job, batch))
        return batch

    def wait(self, batch: Batch) -> None:
        """Wait until only stragglers are left.

        Args:
            batch: From `begin`.
        """
        deadline = time.monotonic() + self._patience_s
        with self._changed:
            while batch.left:
                left_s = deadline - time.monotonic()
                if left_s <= 0:
                    break
                self._changed.wait(left_s)
            batch.is_awaited = False
            self._busy -= batch.left
            self._changed.notify_all()

    def drain(self, timeout_s: float) -> bool:
        """Wait until nothing is at work.

        Args:
            timeout_s: At most so long, seconds.

        Returns:
            Whether nothing is.
        """
        deadline = time.monotonic() + timeout_s
        with self._changed:
            while self._at_work:
                left_s = deadline - time.monotonic()
                if left_s <= 0:
                    return False
                self._changed.wait(left_s)
            return True

    def _free(self) -> int:
        return max(min(self._size - self._busy, _MOST * self._size - self._at_work), 0)

    def _run(self) -> None:
        while (handed_over := self._next()) is not None:
            job, batch = handed_over
            try:
                job()
            except BaseException:
                # Also what would end the thread: nobody would notice that it is missing.
                log.exception("job_failed")
            finally:
                self._end(batch)

    def _next(self) -> tuple[Job, Batch] | None:
        """A job; None where there was none for so long that a thread less is enough."""
        while True:
            with suppress(Empty):
                return self._jobs.get(timeout=_IDLE_S)
            with self._changed:
                if self._threads > self._at_work:
                    self._threads -= 1
                    return None

    def _end(self, batch: Batch) -> None:
        with self._changed:
            self._at_work -= 1
            batch.left -= 1
            if batch.is_awaited:
                self._busy -= 1
            # A task waits for its whole batch, another for a part of the crew.
            if not batch.left or self._size - self._busy in (self._size, -(-self._size // _ENOUGH)):
                self._changed.notify_all()
