"""Reads the entries of dead letters: one, some, or all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from conveyor.domain.conversion import FailureKind
from conveyor.errors import UnknownConversion
from conveyor.ledger import Entry, Ledger

__all__ = ["DeadReader", "is_dead", "kind_of", "no_such"]

# Read in one round trip: thousands may lie there, and Redis does nothing else meanwhile.
_BATCH: Final = 200


class DeadReader:
    """Reads dead letters.

    Args:
        ledger: Where they are kept.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def all(self, older_than_s: float | None = None) -> Iterator[Entry]:
        """All dead letters, the oldest first.

        Args:
            older_than_s: Only those that ended longer ago, seconds.
        """
        return self.some(self._ledger.dead_ids(older_than_s))

    def chosen(self, kind: FailureKind | None, account: str | None) -> Iterator[Entry]:
        """Those of one class and one account, the oldest first.

        Args:
            kind: Their class; None for all.
            account: Their account's fingerprint; None for all.
        """
        for entry in self.all():
            if kind in (None, kind_of(entry)) and account in (None, entry.account):
                yield entry

    def some(self, conversion_ids: Sequence[str]) -> Iterator[Entry]:
        """Those that are dead letters; one may have been replayed meanwhile.

        Args:
            conversion_ids: Their ids.
        """
        for start in range(0, len(conversion_ids), _BATCH):
            found = self._ledger.find_many(conversion_ids[start : start + _BATCH])
            yield from filter(is_dead, found)

    def one(self, conversion_id: str) -> Entry:
        """One dead letter.

        Args:
            conversion_id: Its id.

        Raises:
            UnknownConversion: There is no such dead letter.
        """
        entry = self._ledger.find(conversion_id)
        if entry is None or not is_dead(entry):
            raise no_such(conversion_id)
        return entry


def is_dead(entry: Entry) -> bool:
    """Whether a conversion is a dead letter.

    Args:
        entry: The conversion.
    """
    return entry.state.is_dead


def kind_of(entry: Entry) -> FailureKind:
    """The class of a dead letter.

    Args:
        entry: The dead letter.
    """
    return entry.failure.kind if entry.failure else FailureKind.SERVICE


def no_such(conversion_id: str) -> UnknownConversion:
    """The error of an id that no dead letter has.

    Args:
        conversion_id: The id.
    """
    return UnknownConversion(
        f"No dead letter has the id {conversion_id!r}: `conveyor dead list` shows those that exist."
    )
