"""What goes wrong at the stand-in on order, drawn the same for every side."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b

__all__ = ["Faults", "is_struck"]


@dataclass(frozen=True, slots=True)
class Faults:
    """What goes wrong on order.

    Attributes:
        seed: Of the draws.
        throttled: Share of the POSTs that are answered 503.
        dribbled: Share of the answers that come byte by byte.
        dribble_s: Seconds that such an answer takes.
    """

    seed: int = 0
    throttled: float = 0.0
    dribbled: float = 0.0
    dribble_s: float = 40.0


def is_struck(share: float, seed: int, kind: str, number: int, attempt: int) -> bool:
    """Draw whether a fault strikes: the same for both sides, in whatever order they ask.

    Args:
        share: From 0 to 1.
        seed: The load's.
        kind: Of the fault.
        number: The source's.
        attempt: How often this was asked before.
    """
    if not share:
        return False
    digest = blake2b(f"{seed} {kind} {number} {attempt}".encode(), digest_size=6).digest()
    return int.from_bytes(digest, "big") < share * 2**48
