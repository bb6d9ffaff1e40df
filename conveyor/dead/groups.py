"""Dead letters, counted by class and account."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from conveyor.dead.reading import kind_of
from conveyor.domain.conversion import FailureKind
from conveyor.ledger import Entry

__all__ = ["DeadGroup", "groups_of"]


@dataclass(frozen=True, slots=True)
class DeadGroup:
    """Dead letters of one class and one account.

    Attributes:
        kind: Their class.
        account: The fingerprint of the account that they were last submitted for; empty where
            none of them ever was.
        count: How many.
    """

    kind: FailureKind
    account: str
    count: int


def groups_of(entries: Iterable[Entry]) -> Sequence[DeadGroup]:
    """Count dead letters, the largest group first.

    Args:
        entries: The dead letters.
    """
    counts = Counter((kind_of(entry), entry.account) for entry in entries)
    return [DeadGroup(*group, count) for group, count in counts.most_common()]
