"""A load: how many conversions, how long they take, when they come, what goes wrong."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from benchmarks.faults import Faults
from benchmarks.jobs import Source

__all__ = ["Duration", "Load"]

_NO_FAULTS: Final = Faults()
_START_AND_END_S: Final = 31.0


@dataclass(frozen=True, slots=True)
class Duration:
    """How long conversions take at the service.

    Attributes:
        median_s: Seconds.
        sigma: Of the lognormal distribution; 0 for a constant.
    """

    median_s: float
    sigma: float = 0.0

    def draw(self, random_: random.Random) -> float:
        """One conversion's seconds."""
        return self.median_s * math.exp(self.sigma * random_.gauss(0, 1))


@dataclass(frozen=True, kw_only=True)
class Load:
    """One load, measured on each side on a fresh database.

    Attributes:
        name: Its name on the command line.
        title: What it is, in a few words.
        count: How many conversions.
        duration: What each takes.
        rate: Conversions a second; 0 for all at once.
        jitter: Whether each comes somewhere in its part of a second, and not at its begin.
        webhooks: Whether the service calls our `web`. The peers have none, and poll.
        faults: What goes wrong at the service.
        workers: How many worker processes Conveyor has. A peer has one worker, with two.
        sides: Which sides it is measured on, in this order.
        rounds: At most so many rounds, by side; as many as are asked for unless said.
        counts: Another number of conversions, by side.
        patience_s: Seconds from the first enqueued; what has not ended then counts as lost.
        run_s: About how long one run takes, seconds, for the plan.
        seed: Of the durations.
    """

    name: str
    title: str
    count: int
    duration: Duration
    rate: float = 0.0
    jitter: bool = False
    webhooks: bool = False
    faults: Faults = _NO_FAULTS
    workers: int = 1
    sides: tuple[str, ...] = ("ours", "naive")
    rounds: Mapping[str, int] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    patience_s: float = 300.0
    run_s: float = 45.0
    seed: int = 20

    def sources(self, side: str) -> list[Source]:
        """The documents, the same for every side."""
        draw = random.Random(self.seed)
        return [
            Source(number, round(self.duration.draw(draw), 3))
            for number in range(self.counts.get(side, self.count))
        ]

    def arrivals(self, count: int) -> list[float]:
        """Seconds from the begin at which conversions are enqueued.

        Args:
            count: How many.
        """
        if not self.rate:
            return [0.0] * count
        draw = random.Random(self.seed)
        late = draw.random if self.jitter else lambda: 0.0
        return [(number + late()) / self.rate for number in range(count)]

    def rounds_of(self, side: str, wanted: int) -> int:
        """How often a side is measured.

        Args:
            side: The side's name.
            wanted: How often all are.
        """
        return min(wanted, self.rounds.get(side, wanted)) if side in self.sides else 0

    def scaled(self, share: float) -> Load:
        """The same with fewer conversions, to try something quickly.

        Args:
            share: Of the conversions, from 0 to 1.
        """
        counts = {side: max(1, round(count * share)) for side, count in self.counts.items()}
        run_s = _START_AND_END_S + share * max(0.0, self.run_s - _START_AND_END_S)
        count = max(1, round(self.count * share))
        return replace(self, count=count, counts=counts, run_s=run_s)
