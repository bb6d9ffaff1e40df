"""`Handle`: one conversion as its caller sees it.

Every call that waits or does I/O has an async version, prefixed with ``a``. It never blocks
the event loop. Where that makes a keyword of Python, the name ends with ``_`` (PEP 8).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Protocol

from celery.result import assert_will_not_block

from conveyor.async_twins import async_twin
from conveyor.domain.conversion import Conversion, State
from conveyor.domain.deletion import Deletion
from conveyor.domain.progress import Event, Progress
from conveyor.ledger import Entry, Ledger
from conveyor.ledger.waiting import explained
from conveyor.messaging.cancelling import current
from conveyor.watching.estimating import progress_of
from conveyor.watching.following import Connected, Follower, checked
from conveyor.watching.patience import FIRST_PAUSE_S, Patience, longer

__all__ = ["Handle"]


class Owner(Connected, Protocol):
    """Who made a handle: a handle may be used in another process, which connects for itself."""

    def cancel(self, conversion_id: str) -> Conversion:
        """Cancel a conversion."""

    def delete(self, conversion_id: str) -> Deletion:
        """Delete a conversion with all that it left."""


class Handle:
    """One conversion. It may be passed on to another process.

    Attributes:
        id: Its id, which is also the Celery task id: ``AsyncResult(handle.id)`` works.
    """

    def __init__(self, conversion_id: str, owner: Owner) -> None:
        self.id = conversion_id
        self._owner = owner

    def __repr__(self) -> str:
        return f"<Handle {self.id}>"

    @property
    def _ledger(self) -> Ledger:
        return self._owner.ledger

    @property
    def state(self) -> State:
        """The conversion's state, read from Redis.

        Raises:
            UnknownConversion: The conversion is unknown or was forgotten.
        """
        return self._ledger.get(self.id).state

    def get(self) -> Conversion:
        """Get the conversion, read from Redis.

        Raises:
            UnknownConversion: The conversion is unknown or was forgotten.
        """
        return self._ledger.get(self.id).conversion

    def progress(self) -> Progress:
        """How far it is.

        Raises:
            UnknownConversion: The conversion is unknown or was forgotten.
        """
        entry = self._look()
        return progress_of(entry, self._ledger.expected_durations.of(entry.request))

    def _look(self) -> Entry:
        """The entry, with what keeps it waiting."""
        (entry,) = explained(self._ledger.client, [self._ledger.get(self.id)])
        return entry

    def _current(self) -> Entry:
        return current(self._owner.publisher, self._ledger, self.id)

    def cancel(self) -> Conversion:
        """Cancel it; as `conveyor.Conveyor.cancel`."""
        return self._owner.cancel(self.id)

    def delete(self) -> Deletion:
        """Delete it with all that it left; as `conveyor.Conveyor.delete`."""
        return self._owner.delete(self.id)

    def wait(self, timeout: float | None = None) -> Conversion:
        """Wait until the conversion ends. Not inside a task: that holds a worker's slot.

        Args:
            timeout: Seconds; None waits for ever.

        Returns:
            The conversion, succeeded.

        Raises:
            ConversionFailed: It has ended without files; with code and message.
            ConversionCancelled: It was cancelled.
            WaitTimeout: It is still under way; it goes on.
            UnknownConversion: The conversion is unknown or was forgotten.
            RuntimeError: Called inside a Celery task; use ``conveyor.signature`` in a chain.
        """
        assert_will_not_block()
        patience = Patience(timeout, self._owner.time)
        pause_s = FIRST_PAUSE_S
        while True:
            entry = self._current()
            if entry.state.is_final:
                return _succeeded(entry)
            if patience.left_s <= 0:
                raise patience.is_over(self._look())
            patience.pause(pause_s)
            pause_s = longer(pause_s)

    def events(self, after: str = "") -> Iterator[Event]:
        """Iterate over the changes of state as they happen, from the first to the final state.

        Args:
            after: The id of the event that was seen last; empty for all.

        Returns:
            What has happened so far, and then what happens.

        Raises:
            InvalidRequest: ``after`` is no event's id.
            UnknownConversion: The conversion is unknown or was forgotten.
            RuntimeError: Called inside a Celery task: that would hold a worker's slot.
        """
        assert_will_not_block()
        return Follower(self._owner, self.id).follow(checked(after))

    aget = async_twin(get)
    """Async version of `get`."""

    aprogress = async_twin(progress)
    """Async version of `progress`."""

    acancel = async_twin(cancel)
    """Async version of `cancel`."""

    adelete = async_twin(delete)
    """Async version of `delete`."""

    async def await_(self, timeout: float | None = None) -> Conversion:  # noqa: ASYNC109 - as `wait`
        """Wait for the end, without blocking the event loop: arguments and errors of `wait`."""
        patience = Patience(timeout, self._owner.time)
        async with self._owner.watch.on(self.id) as bell:
            while True:
                entry = await asyncio.to_thread(self._current)
                if entry.state.is_final:
                    return _succeeded(entry)
                left_s = patience.left_s
                if left_s <= 0:
                    raise patience.is_over(await asyncio.to_thread(self._look))
                await bell.wait(left_s)

    def aevents(self, after: str = "") -> AsyncIterator[Event]:
        """Follow the events without blocking. Any number of followers share one connection."""
        return Follower(self._owner, self.id).afollow(checked(after))


def _succeeded(entry: Entry) -> Conversion:
    entry.conversion.raise_if_failed()
    return entry.conversion
