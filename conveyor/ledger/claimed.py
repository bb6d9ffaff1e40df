"""What a claim has taken, read from the script's answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from conveyor.domain.entry import Entry
from conveyor.errors import NewerEntry, UnreadableConversion
from conveyor.ledger.encoding import decode, fields_of
from conveyor.ledger.findings import Lost
from conveyor.ledger.governor import Admission
from conveyor.ledger.turnstile import Pass

__all__ = ["Claimed", "Due", "passes_of"]


@dataclass(frozen=True, slots=True)
class Claimed:
    """The result of a claim.

    Attributes:
        passes: The conversions that may go, each in its turnstile.
        spent: Those that have waited for the account for too long.
        admission: How the account stands; of submits alone.
        lost: Those whose entry is gone, and that were not noticed before.
    """

    passes: list[Pass]
    spent: list[Pass]
    admission: Admission
    lost: Sequence[Lost]


@dataclass(frozen=True, slots=True)
class Due:
    """A kind of which something is overdue, and how many."""

    kind: str
    count: int


def passes_of(
    flat: Sequence[Any],
    damaged: list[str],
    newer: list[str],
    *,
    now: float,
    passing: Callable[[Entry], Pass],
) -> list[Pass]:
    """Read what was taken.

    Args:
        flat: Ids and hashes by turns, as the script answers.
        damaged: Ids of what can't be read are put here.
        newer: Ids of what a later release has written are put here.
        now: The time at Redis, seconds since the epoch.
        passing: Makes an entry's pass.

    Returns:
        The passes of what can be read.
    """
    passes = []
    for conversion_id, fields in zip(flat[::2], flat[1::2], strict=True):
        try:
            entry = decode(conversion_id, fields_of(fields), now)
        except NewerEntry:
            newer.append(conversion_id)
        except UnreadableConversion:
            damaged.append(conversion_id)
        else:
            passes.append(passing(entry))
    return passes
