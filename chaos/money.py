"""What a conversion's end says of money, beside what the service charged (invariant I1)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum, auto
from typing import Final

from conveyor.domain.conversion import Conversion, FailureKind, State

__all__ = ["Claim", "claim_of", "mistold"]

_UNPAID: Final = re.compile(r"nothing (was|should be) (started or )?paid", re.IGNORECASE)
_PAID: Final = re.compile(r"(has been|which is) paid", re.IGNORECASE)
_PAID_KINDS: Final = frozenset({FailureKind.UNREADABLE, FailureKind.EXPIRED})


class Claim(Enum):
    """What an end says."""

    PAID = auto()
    UNPAID = auto()
    UNSAID = auto()  # it may have been paid, or nothing is said of it


def claim_of(conversion: Conversion) -> Claim:
    """What a conversion's end says.

    Args:
        conversion: One that has ended.
    """
    failure = conversion.failure
    if conversion.state is State.SUCCEEDED:
        return Claim.PAID
    if failure is None or failure.kind is FailureKind.POSSIBLY_PAID:
        return Claim.UNSAID
    if _UNPAID.search(failure.message):
        return Claim.UNPAID
    is_paid = failure.kind in _PAID_KINDS or _PAID.search(failure.message)
    return Claim.PAID if is_paid or conversion.cost else Claim.UNSAID


def mistold(ends: Mapping[str, Conversion], charges: Mapping[str, int]) -> list[str]:
    """Find the ends that say otherwise than the service charged.

    Args:
        ends: Conversions that have ended, by FileName.
        charges: How often each was charged, by FileName.

    Returns:
        One line each.
    """
    lines = []
    for name, conversion in ends.items():
        claim, is_charged = claim_of(conversion), charges.get(name, 0) > 0
        if claim is Claim.PAID and not is_charged:
            lines.append(f"{name} is called paid, and was not charged")
        elif claim is Claim.UNPAID and is_charged:
            lines.append(f"{name} is called unpaid, and was charged")
    return lines
