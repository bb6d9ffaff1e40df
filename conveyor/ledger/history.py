"""A conversion's history: its changes of state, as its followers see them."""

from __future__ import annotations

from typing import cast

from conveyor.domain.conversion import State
from conveyor.domain.progress import Event
from conveyor.ledger.entries import Entries

__all__ = ["History"]


class History(Entries):
    """Reads what `conveyor.ledger.changes` notes with each change of state."""

    def events(self, conversion_id: str, after: str = "") -> list[Event]:
        """A conversion's changes of state.

        Args:
            conversion_id: The conversion's id.
            after: The id of the event that was seen last; empty for all.

        Returns:
            What there is, the oldest first; perhaps nothing.

        Raises:
            LedgerUnavailable: Redis can't be reached.
        """
        with self._translated():
            found = cast("list[str]", self._redis.lrange(self._keys.events(conversion_id), 0, -1))
        events = [event for line in found if (event := _event(conversion_id, line))]
        return [event for event in events if not after or _order(event.id) > _order(after)]

    def last_event_id(self, conversion_id: str) -> str:
        """The id of the latest change of state; empty where there is none.

        Raises:
            LedgerUnavailable: Redis can't be reached.
        """
        with self._translated():
            found = cast("str | None", self._redis.lindex(self._keys.events(conversion_id), -1))
        return found.partition(" ")[0] if found else ""


def _event(conversion_id: str, line: str) -> Event | None:
    """An event as it was written; None where it is damaged, or of a newer version."""
    event_id, _, rest = line.partition(" ")
    state, _, note = rest.partition(" ")
    try:
        # An id begins with the milliseconds since the epoch.
        return Event(event_id, conversion_id, State(state), _order(event_id)[0] / 1000, note)
    except ValueError:
        return None


def _order(event_id: str) -> tuple[int, int]:
    ms, _, number = event_id.partition("-")
    return int(ms), int(number)
