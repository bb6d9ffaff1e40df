"""Read the ledger's indexes: pages of conversions by state, and counts.

The indexes are kept by ``transition.lua``. An id without an entry is skipped.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from conveyor.domain.conversion import FailureKind, State
from conveyor.domain.entry import Entry
from conveyor.domain.metadata import Metadata, metadata_of
from conveyor.ledger.connection import Client, translated
from conveyor.ledger.cursors import read_cursor, write_cursor
from conveyor.ledger.due import KINDS
from conveyor.ledger.metadata_index import MetadataIndex

__all__ = ["MINUTES", "Index", "Reading"]

MINUTES: Final = 30
"""For how long back the throughput is told."""

# Entries that were accepted in the very same microsecond; a page must not lose one at its edge.
_TIES: Final = 50


_DEAD_KINDS: Final = tuple(kind for kind in FailureKind if kind is not FailureKind.CANCELLED)

Find = Callable[[Sequence[str]], list[Entry]]
"""`conveyor.ledger.Ledger.find_many`."""


@dataclass(frozen=True, slots=True)
class Reading:
    """Counts of the fleet, read in one round trip.

    Attributes:
        states: Conversions by state.
        dead: Dead letters by class.
        throughput: Conversions that succeeded in each of the last minutes, the present one last.
        oldest_overdue_s: For how long the longest overdue has been due, seconds.
        oldest_submit_s: The same of those that are to be submitted, which an account may keep
            waiting; the other figure leaves them out.
        counts: What has happened so far, by the names in `conveyor.domain.counters`.
        unreadable: Entries that were put aside because they can't be read.
        leftovers: Jobs and files that are still to be deleted at the service.
        lost: Conversions whose entry is gone; the list ends at ten thousand.
        newer: Conversions that a later release has written.
    """

    states: dict[State, int]
    dead: dict[FailureKind, int]
    throughput: tuple[int, ...]
    oldest_overdue_s: float
    oldest_submit_s: float
    counts: dict[str, int]
    unreadable: int
    leftovers: int
    lost: int
    newer: int


class Index:
    """The indexes.

    Args:
        client: From `conveyor.ledger.connect`.
        find: Reads entries.
    """

    def __init__(self, client: Client, find: Find) -> None:
        self._redis = client
        self._keys = client.keyspace
        self._find = find
        self._metadata = MetadataIndex(client, find)

    def page(
        self, state: State | None, limit: int, cursor: str, metadata: Metadata | None = None
    ) -> tuple[list[Entry], str]:
        """Conversions, those accepted last first.

        Args:
            state: Only those in this state; None for all.
            limit: At most so many.
            cursor: Where the page before ended; empty for the first.
            metadata: Only those whose callers gave them this data. The page may then be shorter
                than its limit.

        Returns:
            The entries, and the cursor of the next page; empty where there is none.

        Raises:
            InvalidRequest: The cursor is invalid, or no conversion can have this data.
        """
        if wanted := metadata_of(metadata):
            return self._metadata.page(wanted, state, limit, cursor)
        states = tuple(State) if state is None else (state,)
        return self._page([self._keys.state(it.value) for it in states], limit, cursor)

    def oldest(self, state: State) -> Entry | None:
        """The conversion in a state that was accepted first; None where there is none.

        Args:
            state: The state.
        """
        with translated(self._redis):
            first = cast("list[str]", self._redis.zrange(self._keys.state(state.value), 0, 0))
        return next(iter(self._find(first)), None)

    def clean_metadata(self, batch: int) -> int:
        """Take out of the index of metadata what has outlived its conversions.

        Args:
            batch: About so many rows are looked at.

        Returns:
            How many were taken out.
        """
        return self._metadata.clean(batch)

    def dead_page(
        self, kind: FailureKind | None, limit: int, cursor: str
    ) -> tuple[list[Entry], str]:
        """Dead letters, those that became one last first.

        Args:
            kind: Only those of this class; None for all.
            limit: As in `page`.
            cursor: As in `page`.

        Returns:
            As `page`.

        Raises:
            InvalidRequest: The cursor is invalid.
        """
        return self._page(
            [self._keys.dead if kind is None else self._keys.dead_of(kind.value)], limit, cursor
        )

    def read(self) -> Reading:
        """Count everything, in two round trips."""
        with translated(self._redis):
            seconds, microseconds = self._redis.time()
            now = seconds + microseconds / 1_000_000
            minutes = [seconds // 60 - back for back in reversed(range(MINUTES))]
            pipeline = self._redis.pipeline(transaction=False)
            for state in State:
                pipeline.zcard(self._keys.state(state.value))
            for kind in _DEAD_KINDS:
                pipeline.zcard(self._keys.dead_of(kind.value))
            pipeline.mget([self._keys.minute(number) for number in minutes])
            for due in map(self._keys.due, KINDS):
                pipeline.zrange(due, 0, 0, withscores=True)
            pipeline.hgetall(self._keys.counts)
            pipeline.zcard(self._keys.unreadable)
            pipeline.zcard(self._keys.leftovers)
            pipeline.zcard(self._keys.lost)
            pipeline.zcard(self._keys.newer)
            answers = pipeline.execute()
        *cards, throughput, submits, polls, deliveries = answers[:-5]
        counts, unreadable, leftovers, lost, newer = answers[-5:]
        return Reading(
            states=dict(zip(State, cards[: len(State)], strict=True)),
            dead=dict(zip(_DEAD_KINDS, cards[len(State) :], strict=True)),
            throughput=tuple(_count(count or "0") for count in throughput),
            oldest_overdue_s=max(now - at for _, at in [*polls, *deliveries, ("", now)]),
            oldest_submit_s=max(now - at for _, at in [*submits, ("", now)]),
            counts={name: _count(count) for name, count in counts.items()},
            unreadable=unreadable,
            leftovers=leftovers,
            lost=lost,
            newer=newer,
        )

    def _page(self, indexes: Sequence[str], limit: int, cursor: str) -> tuple[list[Entry], str]:
        edge = read_cursor(cursor)
        high: float | str = "+inf" if edge is None else edge[0]
        with translated(self._redis):
            pipeline = self._redis.pipeline(transaction=False)
            for index in indexes:
                pipeline.zrevrangebyscore(
                    index, high, "-inf", start=0, num=limit + 1 + _TIES, withscores=True
                )
            found = cast("list[list[Any]]", pipeline.execute())
        places = sorted(((score, name) for items in found for name, score in items), reverse=True)
        beyond = [place for place in places if edge is None or place < edge]
        entries = self._find([name for _, name in beyond[:limit]])
        return entries, write_cursor(beyond[limit - 1]) if len(beyond) > limit else ""


def _count(text: str) -> int:
    """0 where it was damaged: the other figures must be told all the same."""
    try:
        return int(text)
    except ValueError:
        return 0
