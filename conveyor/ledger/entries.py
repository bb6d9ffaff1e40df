"""Entries, read. One that can't be read harms no other: it is passed over, or put aside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Final, cast

from conveyor.domain.deletion import Deletion
from conveyor.domain.entry import Entry
from conveyor.errors import (
    ConversionDeleted,
    NewerEntry,
    UnknownConversion,
    UnreadableConversion,
)
from conveyor.ledger.audit import Audit
from conveyor.ledger.connection import Client, translated
from conveyor.ledger.encoding import decode
from conveyor.ledger.scripts import script
from conveyor.ledger.tombstones import deletion_of, is_tombstone

__all__ = ["Entries"]

_MICROSECONDS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class _Sorted:
    """Entries that were read, ids without one, and ids of those that can't be read."""

    entries: list[Entry]
    gone: list[str]
    damaged: list[str]
    newer: list[str]


@dataclass(frozen=True, slots=True)
class _Read:
    """The entries' fields by id, as Redis has answered, and the time there."""

    fields: Mapping[str, Any]
    at: float


class Entries:
    """The conversions' entries in Redis.

    Args:
        client: From `conveyor.ledger.connect`.

    Attributes:
        client: Redis.
        audit: What is lost, and what is newer.
    """

    def __init__(self, client: Client) -> None:
        self.client = self._redis = client
        self._keys = client.keyspace
        self.audit = Audit(client)
        self._set_aside = client.register_script(script("set_aside"))

    def find(self, conversion_id: str) -> Entry | None:
        """An entry, or None where there is none.

        Raises:
            UnreadableConversion: It can't be read.
            LedgerUnavailable: Redis can't be reached.
        """
        read = self._read([conversion_id])
        fields = read.fields[conversion_id]
        if not fields or is_tombstone(fields):
            return None
        return _decode(conversion_id, fields, read.at)

    def get(self, conversion_id: str) -> Entry:
        """An entry, for its caller.

        Raises:
            ConversionDeleted: It was deleted, also where a worker is still at it.
            UnknownConversion: There is none.
            UnreadableConversion: It can't be read.
            LedgerUnavailable: Redis can't be reached.
        """
        entry = self.find(conversion_id)
        if entry is None or entry.deleted_at is not None:
            deletion = self.deletion(conversion_id)
            if deletion is not None:
                raise ConversionDeleted(conversion_id, deletion.deleted_at)
        if entry is None and self.audit.is_lost(conversion_id):
            raise UnknownConversion(
                f"Redis has lost the conversion {conversion_id!r}: its entry was evicted or "
                "deleted. It may have been paid. Enqueue it again if you still need it."
            )
        if entry is None:
            raise UnknownConversion(
                f"There is no conversion {conversion_id!r}. Check the id. Conveyor forgets a "
                "finished conversion after 7 days."
            )
        return entry

    def deletion(self, conversion_id: str) -> Deletion | None:
        """How far the deletion of a conversion is; None where nobody has asked for it.

        Raises:
            UnreadableConversion: Its entry can't be read.
            LedgerUnavailable: Redis can't be reached.
        """
        fields = self._read([conversion_id]).fields[conversion_id]
        return deletion_of(conversion_id, fields) if isinstance(fields, Mapping) else None

    def find_many(self, conversion_ids: Sequence[str]) -> list[Entry]:
        """The entries that there are of these and that can be read, in one round trip.

        What was deleted is none of them, also where a worker is still at it.

        What can't be read is put aside, so that it is shown where nothing else would show it.

        Raises:
            LedgerUnavailable: Redis can't be reached.
        """
        found = self._sorted(conversion_ids)
        self.set_aside(found.damaged)
        self.audit.record_newer(found.newer)
        return found.entries

    def unreadable(self) -> dict[str, float]:
        """The entries that were put aside because they can't be read.

        Returns:
            The time of each by its id, seconds since the epoch.

        Raises:
            LedgerUnavailable: Redis can't be reached.
        """
        with self._translated():
            found = self._redis.zrange(self._keys.unreadable, 0, -1, withscores=True)
        return dict(cast("list[tuple[str, float]]", found))

    def set_aside(self, conversion_ids: Sequence[str]) -> int:
        """Set unreadable entries aside, so that no worker claims them again.

        Args:
            conversion_ids: Their ids.

        Returns:
            How many were put aside for the first time.

        Raises:
            LedgerUnavailable: Redis can't be reached.
        """
        if not conversion_ids:
            return 0
        with self._translated():
            aside = self._set_aside(
                keys=[self._keys.unreadable, *self._keys.all_due, self._keys.deadlines],
                args=[*conversion_ids],
            )
        return cast("int", aside)

    def now(self) -> float:
        """The time at Redis, seconds since the epoch: the only clock that decides anything.

        Raises:
            LedgerUnavailable: Redis can't be reached.
        """
        with self._translated():
            return _seconds(self._redis.time())

    def _sorted(self, conversion_ids: Sequence[str]) -> _Sorted:
        read = self._read(conversion_ids)
        found = _Sorted([], [], [], [])
        for conversion_id, fields in read.fields.items():
            if not fields:
                found.gone.append(conversion_id)
                continue
            if isinstance(fields, Mapping) and "deleted_at" in fields:
                continue
            try:
                found.entries.append(_decode(conversion_id, fields, read.at))
            except NewerEntry:
                found.newer.append(conversion_id)
            except UnreadableConversion:
                found.damaged.append(conversion_id)
        return found

    def _read(self, conversion_ids: Sequence[str]) -> _Read:
        with self._translated():
            pipeline = self._redis.pipeline(transaction=False)
            pipeline.time()
            for conversion_id in conversion_ids:
                pipeline.hgetall(self._keys.conversion(conversion_id))
            time, *found = pipeline.execute(raise_on_error=False)
            for answer in (time, *found):
                if isinstance(answer, Exception) and not _is_wrong_type(answer):
                    raise answer
        return _Read(dict(zip(conversion_ids, found, strict=True)), _seconds(time))

    def _translated(self) -> AbstractContextManager[None]:
        return translated(self._redis)


def _is_wrong_type(error: Exception) -> bool:
    """Whether a key is no hash: then that entry can't be read, and the others can."""
    return str(error).startswith("WRONGTYPE")


def _decode(conversion_id: str, fields: Any, seen_at: float) -> Entry:
    if not isinstance(fields, Mapping):
        raise UnreadableConversion(conversion_id)
    return decode(conversion_id, fields, seen_at)


def _seconds(time: tuple[int, int]) -> float:
    seconds, microseconds = time
    return seconds + microseconds / _MICROSECONDS
