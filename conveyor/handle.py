"""`Handle`: one conversion as its caller sees it.

Every call that waits or talks to Redis has an async version, prefixed with ``a``. It never blocks
the event loop. Where that makes a keyword of Python, the name ends with ``_`` (PEP 8).
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Final, Protocol

from celery.result import assert_will_not_block

from conveyor.domain.conversion import Conversion, State
from conveyor.domain.durations import Expectation
from conveyor.domain.progress import Event, Progress
from conveyor.errors import InvalidRequest, WaitTimeout
from conveyor.ledger import Entry, Ledger
from conveyor.ledger.waiting import explained
from conveyor.ledger.watch import Watch
from conveyor.producing.async_twins import async_twin

__all__ = ["Handle"]

# Quick at first for short conversions, then easy on Redis.
_FIRST_LOOK_S: Final = 0.05
_LAST_LOOK_S: Final = 1.0
_GROWTH: Final = 1.3

_EVENT_ID = re.compile(r"[0-9]{1,20}-[0-9]{1,20}")

# Until it has succeeded nobody knows that it is done.
_ALMOST: Final = 0.95
# What is told of a conversion at the age at which nine of ten have ended.
_MOST: Final = 0.9


class Owner(Protocol):
    """Who made a handle: a handle may be used in another process, which connects for itself."""

    @property
    def ledger(self) -> Ledger:
        """This process's ledger."""

    @property
    def watch(self) -> Watch:
        """This process's followers."""

    def cancel(self, conversion_id: str) -> Conversion:
        """Cancel a conversion."""


@dataclass(frozen=True, slots=True)
class _News:
    """What has happened after an event, and whether nothing more will."""

    events: list[Event]
    is_last: bool


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

    def cancel(self) -> Conversion:
        """Cancel it; as `conveyor.Conveyor.cancel`."""
        return self._owner.cancel(self.id)

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
        patience = _Patience(timeout)
        pause_s = _FIRST_LOOK_S
        while True:
            entry = self._ledger.get(self.id)
            if entry.state.is_final:
                return _succeeded(entry)
            left_s = patience.left_s
            if left_s <= 0:
                raise patience.is_over(self._look())
            time.sleep(min(pause_s, left_s))
            pause_s = min(pause_s * _GROWTH, _LAST_LOOK_S)

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
        return self._follow(_checked(after))

    def _follow(self, after: str) -> Iterator[Event]:
        after, pause_s, is_over = self._place(after), _FIRST_LOOK_S, False
        while not is_over:
            news = self._news(after)
            is_over = news.is_last
            yield from news.events
            if news.events:
                after, pause_s = news.events[-1].id, _FIRST_LOOK_S
            elif not is_over:
                time.sleep(pause_s)
                pause_s = min(pause_s * _GROWTH, _LAST_LOOK_S)

    aget = async_twin(get)
    """Async version of `get`."""

    aprogress = async_twin(progress)
    """Async version of `progress`."""

    acancel = async_twin(cancel)
    """Async version of `cancel`."""

    async def await_(self, timeout: float | None = None) -> Conversion:  # noqa: ASYNC109 - as `wait`
        """Wait for the end, without blocking the event loop: arguments and errors of `wait`."""
        patience = _Patience(timeout)
        async with self._owner.watch.on(self.id) as bell:
            while True:
                entry = await asyncio.to_thread(self._ledger.get, self.id)
                if entry.state.is_final:
                    return _succeeded(entry)
                left_s = patience.left_s
                if left_s <= 0:
                    raise patience.is_over(await asyncio.to_thread(self._look))
                await bell.wait(left_s)

    def aevents(self, after: str = "") -> AsyncIterator[Event]:
        """Follow the events without blocking. Any number of followers share one connection."""
        return self._afollow(_checked(after))

    async def _afollow(self, after: str) -> AsyncIterator[Event]:
        async with self._owner.watch.on(self.id) as bell:
            after = await asyncio.to_thread(self._place, after)
            while True:
                news = await asyncio.to_thread(self._news, after)
                for event in news.events:
                    yield event
                if news.is_last:
                    return
                after = news.events[-1].id if news.events else after
                await bell.wait()

    def _place(self, after: str) -> str:
        """Where to go on; from the start where the last event seen lies beyond all that there are.

        Redis may have lost what it was told last.
        """
        return after if after and _order(after) <= _order(self._last_id()) else ""

    def _last_id(self) -> str:
        return self._ledger.last_event_id(self.id) or "0-0"

    def _news(self, after: str) -> _News:
        """What has happened after an event, and whether nothing more will."""
        events = self._ledger.events(self.id, after)
        if not events and self._ledger.get(self.id).state.is_final:
            # It may have ended between these two looks.
            return _News(self._ledger.events(self.id, after), is_last=True)
        return _News(events, is_last=bool(events) and events[-1].state.is_final)


class _Patience:
    """The time that a caller has."""

    def __init__(self, timeout_s: float | None) -> None:
        self._timeout_s = timeout_s
        self._deadline = None if timeout_s is None else time.monotonic() + timeout_s

    @property
    def left_s(self) -> float:
        """Seconds, without end where it has none."""
        return float("inf") if self._deadline is None else self._deadline - time.monotonic()

    def is_over(self, entry: Entry) -> WaitTimeout:
        """The error that ends an iteration."""
        return WaitTimeout(
            f"The conversion {entry.id} is still {entry.state} after "
            f"{self._timeout_s:g} s{_because(entry)}. It goes on: wait again, or look later."
        )


def _checked(event_id: str) -> str:
    """Refuse what Redis would refuse: it may come from a browser's ``Last-Event-ID``."""
    if event_id and not (_EVENT_ID.fullmatch(event_id) and max(_order(event_id)) < 2**64):
        raise InvalidRequest("Invalid event id. Use the id of the last event that you saw.")
    return event_id


def _order(event_id: str) -> tuple[int, ...]:
    """Ids are two numbers, which grow."""
    return tuple(map(int, event_id.split("-")))


def _succeeded(entry: Entry) -> Conversion:
    entry.conversion.raise_if_failed()
    return entry.conversion


def _because(entry: Entry) -> str:
    return f" ({entry.note.rstrip('.')})" if entry.note else ""


def progress_of(entry: Entry, expectation: Expectation | None) -> Progress:
    """Estimate how far a conversion is.

    Args:
        entry: As it stands. What was expected when it was submitted holds until it ends, so that
            the estimate never goes back.
        expectation: What such conversions take, for one that is still queued.

    Returns:
        The estimate.
    """
    end = entry.finished_at or entry.seen_at
    queued_s = expectation.usual_s if expectation and entry.state is State.QUEUED else None
    return Progress(
        state=entry.state,
        polls=entry.polls,
        elapsed_s=max(end - entry.created_at, 0.0),
        expected_s=entry.usual_s if queued_s is None else queued_s,
        fraction=_fraction(entry),
        note=entry.note,
        held=entry.held,
        late=_is_late(entry),
    )


def _fraction(entry: Entry) -> float | None:
    if entry.state is State.SUCCEEDED:
        return 1.0
    if entry.state is State.READY:
        return _ALMOST
    if entry.state is State.QUEUED:
        return 0.0
    if entry.state is not State.CONVERTING or not entry.late_s or _is_late(entry):
        return None
    return max(entry.job_age_s, 0.0) / entry.late_s * _MOST


def _is_late(entry: Entry) -> bool:
    return (
        entry.state is State.CONVERTING
        and entry.late_s is not None
        and entry.job_age_s > entry.late_s
    )
