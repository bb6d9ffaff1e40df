"""A conversion's events, from the one after that its follower has seen to the last."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Final, Protocol

from conveyor.domain.progress import Event
from conveyor.errors import InvalidRequest
from conveyor.ledger import Ledger
from conveyor.ledger.watch import Watch
from conveyor.messaging.cancelling import current
from conveyor.messaging.publishing import Publisher
from conveyor.watching.patience import FIRST_PAUSE_S, Patience, Time, longer

__all__ = ["Connected", "Follower", "checked"]

_EVENT_ID: Final = re.compile(r"[0-9]{1,20}-[0-9]{1,20}")


class Connected(Protocol):
    """Who can reach Redis in this process."""

    @property
    def ledger(self) -> Ledger:
        """This process's ledger."""

    @property
    def publisher(self) -> Publisher:
        """Where this process publishes messages."""

    @property
    def watch(self) -> Watch:
        """This process's followers."""

    @property
    def time(self) -> Time:
        """By which clock its callers wait."""


@dataclass(frozen=True, slots=True)
class _News:
    """What has happened after an event, and whether nothing more will."""

    events: list[Event]
    is_last: bool


class Follower:
    """Follows one conversion.

    Args:
        owner: Reaches Redis, in whichever process that is done.
        conversion_id: The conversion.
    """

    def __init__(self, owner: Connected, conversion_id: str) -> None:
        self._owner = owner
        self._id = conversion_id

    def follow(self, after: str) -> Iterator[Event]:
        """What has happened after an event, and then what happens, to the final state.

        Args:
            after: The event's id, checked; empty for all.

        Raises:
            UnknownConversion: The conversion is unknown or was forgotten.
        """
        after, pause_s, is_over = self._place(after), FIRST_PAUSE_S, False
        patience = Patience(None, self._owner.time)
        while not is_over:
            news = self._news(after)
            is_over = news.is_last
            yield from news.events
            if news.events:
                after, pause_s = news.events[-1].id, FIRST_PAUSE_S
            elif not is_over:
                patience.pause(pause_s)
                pause_s = longer(pause_s)

    async def afollow(self, after: str) -> AsyncIterator[Event]:
        """The same without blocking: Redis rings when something has happened.

        Args:
            after: The event's id, checked; empty for all.

        Raises:
            UnknownConversion: The conversion is unknown or was forgotten.
        """
        async with self._owner.watch.on(self._id) as bell:
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
        return self._owner.ledger.last_event_id(self._id) or "0-0"

    def _news(self, after: str) -> _News:
        """What has happened after an event, and whether nothing more will."""
        ledger = self._owner.ledger
        events = ledger.events(self._id, after)
        if not events and current(self._owner.publisher, ledger, self._id).state.is_final:
            # It may have ended between these two looks.
            return _News(ledger.events(self._id, after), is_last=True)
        return _News(events, is_last=bool(events) and events[-1].state.is_final)


def checked(event_id: str) -> str:
    """Refuse what Redis would refuse: it may come from a browser's ``Last-Event-ID``.

    Args:
        event_id: The id of the event that was seen last; empty for none.

    Returns:
        The same id.

    Raises:
        InvalidRequest: It is no event's id.
    """
    if event_id and not (_EVENT_ID.fullmatch(event_id) and max(_order(event_id)) < 2**64):
        raise InvalidRequest("Invalid event id. Use the id of the last event that you saw.")
    return event_id


def _order(event_id: str) -> tuple[int, ...]:
    """Ids are two numbers, which grow."""
    return tuple(map(int, event_id.split("-")))
