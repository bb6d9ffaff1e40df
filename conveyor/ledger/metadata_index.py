"""Finds conversions by their callers' own data.

One sorted set holds a row for each key and value of each conversion. All have the score 0, so Redis
orders them by their text: the pair's hash, the time of the acceptance, the id. A search reads the
rows of one pair, the latest first, and looks at each entry: so a row that has outlived its entry,
or a hash that two pairs share, shows nothing wrong.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Self, cast

from conveyor.domain.conversion import State
from conveyor.domain.entry import Entry
from conveyor.domain.metadata import Metadata, search_text
from conveyor.ledger.connection import Client, translated
from conveyor.ledger.cursors import Place, read_cursor, write_cursor
from conveyor.ledger.scripts import script

__all__ = ["MetadataIndex", "found_by"]

_HASH_CHARACTERS: Final = 16
# As `transition.lua` writes a time: ten digits, a dot, six more.
_TIME_CHARACTERS: Final = 17
# Behind every digit.
_END: Final = ":"
# A search reads no more entries than that. What it has found by then makes a shorter page.
_MOST_READ: Final = 1000


@dataclass(frozen=True, slots=True)
class _Row:
    """A row of the index, without its pair."""

    id: str
    accepted_at: float

    @classmethod
    def of(cls, text: str) -> Self:
        """Read a row as Redis has it."""
        place = text[_HASH_CHARACTERS:]
        return cls(place[_TIME_CHARACTERS:], float(place[:_TIME_CHARACTERS]))

    @property
    def place(self) -> Place:
        """Where it stands among the rows of its pair."""
        return self.accepted_at, self.id


@dataclass(frozen=True, slots=True)
class _Candidate:
    """The entry that a row has led to; None where the row has outlived it."""

    entry: Entry | None
    place: Place


def found_by(metadata: Metadata) -> list[str]:
    """The hashes under which a conversion is found.

    Args:
        metadata: Its caller's data.
    """
    return [_hash(key, search_text(value)) for key, value in metadata.items()]


class MetadataIndex:
    """The index.

    Args:
        client: From `conveyor.ledger.connect`.
        find: Reads entries.
    """

    def __init__(self, client: Client, find: Callable[[Sequence[str]], list[Entry]]) -> None:
        self._redis = client
        self._key = client.keyspace.metadata
        self._find = find
        self._clean = client.register_script(script("clean_metadata"))

    def page(
        self, metadata: Metadata, state: State | None, limit: int, cursor: str
    ) -> tuple[list[Entry], str]:
        """Conversions with this data, those accepted last first.

        Args:
            metadata: What each must have. There is at least one pair.
            state: Only those in this state; None for all.
            limit: At most so many.
            cursor: Where the page before ended; empty for the first.

        Returns:
            The entries, and the cursor of the next page; empty where there is none. A page may be
            shorter than its limit where others follow.

        Raises:
            InvalidRequest: The cursor is invalid.
        """
        found: list[Entry] = []
        last = read_cursor(cursor)
        for candidate in self._candidates(self._rarest(metadata), last, limit + 1):
            if candidate is None or len(found) == limit:
                return found, write_cursor(last) if last else ""
            last, entry = candidate.place, candidate.entry
            if entry is not None and _has(entry, metadata, state):
                found.append(entry)
        return found, ""

    def clean(self, batch: int) -> int:
        """Take out rows that have outlived their entries.

        Args:
            batch: About so many are looked at.

        Returns:
            How many were taken out.
        """
        keys = self._redis.keyspace
        before = _HASH_CHARACTERS + _TIME_CHARACTERS
        with translated(self._redis):
            taken = self._clean(
                keys=[self._key, keys.audited], args=[batch, keys.entry_prefix, before]
            )
        return cast("int", taken)

    def _rarest(self, metadata: Metadata) -> str:
        hashes = found_by(metadata)
        with translated(self._redis):
            pipeline = self._redis.pipeline(transaction=False)
            for each in hashes:
                pipeline.zlexcount(self._key, f"[{each}", f"({each}{_END}")
            counts = cast("list[int]", pipeline.execute())
        return min(zip(counts, hashes, strict=True))[1]

    def _candidates(
        self, pair: str, after: Place | None, together: int
    ) -> Iterator[_Candidate | None]:
        """What the rows of a pair lead to, the latest first; None where it has read enough."""
        for _ in range(0, _MOST_READ, together):
            rows = self._rows(pair, after, together)
            entries = {entry.id: entry for entry in self._find([row.id for row in rows])}
            for row in rows:
                after = row.place
                yield _Candidate(entries.get(row.id), row.place)
            if len(rows) < together:
                return
        yield None

    def _rows(self, pair: str, after: Place | None, limit: int) -> list[_Row]:
        end = f"({pair}{_END}" if after is None else f"({pair}{after[0]:.6f}{after[1]}"
        with translated(self._redis):
            rows = self._redis.zrevrangebylex(self._key, end, f"[{pair}", start=0, num=limit)
        return [_Row.of(row) for row in cast("list[str]", rows)]


def _has(entry: Entry, metadata: Metadata, state: State | None) -> bool:
    own = entry.terms.metadata
    return state in (None, entry.state) and all(
        key in own and search_text(own[key]) == search_text(value)
        for key, value in metadata.items()
    )


def _hash(key: str, text: str) -> str:
    return hashlib.sha256(f"{key}={text}".encode()).hexdigest()[:_HASH_CHARACTERS]
