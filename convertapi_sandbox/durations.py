"""How long a conversion takes at least: drawn between two bounds."""

from __future__ import annotations

import random
from dataclasses import dataclass

__all__ = ["Duration"]


@dataclass(frozen=True)
class Duration:
    """Bounds of the time that a conversion takes at least.

    Args:
        least_s: Seconds that no conversion goes below.
        most_s: Seconds that no conversion is held beyond; None for exactly `least_s`.

    Raises:
        ValueError: A bound is negative, or they are the wrong way round.
    """

    least_s: float = 0.0
    most_s: float | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.least_s <= self._end_s:
            raise ValueError(
                f"a duration runs from low to high seconds, not {self.least_s:g} to {self._end_s:g}"
            )

    @classmethod
    def parse(cls, text: str) -> Duration:
        """Read `SECONDS` or `A-B`, as the command line takes it.

        Args:
            text: What was given.

        Raises:
            ValueError: It has another form.
        """
        low, dash, high = text.partition("-")
        try:
            bounds = float(low), float(high) if dash else None
        except ValueError:
            raise ValueError(f"a duration is SECONDS or A-B, not {text!r}") from None
        return cls(*bounds)

    def draw_s(self, dice: random.Random) -> float:
        """Draw a time, in seconds.

        Args:
            dice: Where the draw comes from.
        """
        return dice.uniform(self.least_s, self._end_s)

    @property
    def _end_s(self) -> float:
        return self.least_s if self.most_s is None else self.most_s
