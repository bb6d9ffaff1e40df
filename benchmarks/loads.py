"""The loads: how many conversions, how long they take, when they come, what goes wrong."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from typing import Final

from benchmarks.jobs import Source
from benchmarks.service import Faults

__all__ = ["LOADS", "SIDES", "Duration", "Load"]

SIDES: Final = ("ours", "naive", "blocking", "empty")

_NO_FAULTS: Final = Faults()


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
        one_by_one: The next is enqueued when the one before was submitted: an idle fleet.
        webhooks: Whether the service calls our `web`. The peers have none, and poll.
        faults: What goes wrong at the service.
        workers: How many worker processes.
        sides: Which sides it is measured on, in this order.
        rounds: At most so many rounds, by side; three unless said.
        counts: Another number of conversions, by side.
        patience_s: Seconds after which what has not ended counts as lost.
        run_s: About how long one run takes, seconds, for the plan.
        seed: Of the durations and of the faults.
    """

    name: str
    title: str
    count: int
    duration: Duration
    rate: float = 0.0
    one_by_one: bool = False
    webhooks: bool = False
    faults: Faults = _NO_FAULTS
    workers: int = 1
    sides: tuple[str, ...] = ("ours", "naive")
    rounds: dict[str, int] | None = None
    counts: dict[str, int] | None = None
    patience_s: float = 300.0
    run_s: float = 45.0
    seed: int = 20

    def sources(self, side: str) -> list[Source]:
        """The documents, the same for every side."""
        draw = random.Random(self.seed)
        count = (self.counts or {}).get(side, self.count)
        return [Source(number, self.duration.draw(draw)) for number in range(count)]

    def rounds_of(self, side: str, wanted: int) -> int:
        """How often a side is measured.

        Args:
            side: Which.
            wanted: How often all are.
        """
        return min(wanted, (self.rounds or {}).get(side, wanted))


_TEN_S: Final = Duration(10)
_LOGNORMAL: Final = Duration(8, 0.5)

LOADS: Final = {
    load.name: load
    for load in (
        Load(
            name="burst-10s",
            title="1,000 of 10 s at once, polled",
            count=1000,
            duration=_TEN_S,
            sides=("ours", "naive", "blocking"),
            rounds={"blocking": 1},
            counts={"blocking": 192},
        ),
        Load(
            name="burst-lognormal",
            title="3,000 at once, lognormal of 8 s, polled",
            count=3000,
            duration=_LOGNORMAL,
            run_s=95,
        ),
    )
}
