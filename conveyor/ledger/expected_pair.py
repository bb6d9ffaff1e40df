"""What a process knows of one pair of formats, and how Redis keeps what the fleet has learned."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import exp
from typing import Final

from conveyor.domain.durations import Durations, Expectation, Sighting
from conveyor.domain.request import ConversionRequest

__all__ = ["Pair", "pair_of", "read", "written"]

# Who was begun lately: within about a minute. The first few are no crowd.
_LATELY_S: Final = 60.0
_FEW: Final = 3.0


@dataclass(slots=True)
class Pair:
    """What a process knows of a pair, and what it has still to tell the fleet.

    Attributes:
        text: As Redis has it.
        expectation: What conversions take; None while unknown.
        looked_at: When Redis was asked last, seconds of the process's clock.
        sent_at: When something was sent last.
        sightings: What is still to be sent.
    """

    text: str = ""
    expectation: Expectation | None = None
    looked_at: float = float("-inf")
    sent_at: float = float("-inf")
    sightings: list[Sighting] = field(default_factory=list)
    _counted_at: float = 0.0
    _begun: float = 0.0
    _over: float = 0.0

    def begin(self, now_s: float) -> bool:
        """Count a conversion that has begun.

        Args:
            now_s: The process's clock, seconds.

        Returns:
            Whether most of those that were begun lately have not ended.
        """
        self._fade(now_s)
        self._begun += 1
        return self._begun > _FEW + 2 * self._over

    def end(self, now_s: float) -> None:
        """Count a conversion that has come to an end.

        Args:
            now_s: The process's clock, seconds.
        """
        self._fade(now_s)
        self._over += 1

    def _fade(self, now_s: float) -> None:
        """Count what was longer ago for less."""
        kept = exp((self._counted_at - now_s) / _LATELY_S)
        self._begun, self._over, self._counted_at = self._begun * kept, self._over * kept, now_s


def pair_of(request: ConversionRequest) -> str:
    """Name the pair of a conversion: ``docx:pdf``."""
    return f"{request.from_format}:{request.to_format}"


def written(durations: Durations) -> str:
    """Write durations so that `read` reads them.

    Half and nine tenths of them come first, in seconds, for people.
    """
    expectation = durations.expectation()
    shown = f"{expectation.usual_s:.2f} {expectation.late_s:.2f}" if expectation else "? ?"
    return f"{shown} {durations.dump()}"


def read(text: str) -> Durations:
    """Read what `written` has written; durations without a sighting from anything else."""
    return Durations.load(text.rpartition(" ")[2])
