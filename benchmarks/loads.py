"""The loads: how many conversions, how long they take, when they come, what goes wrong."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from benchmarks.jobs import Source
from benchmarks.service import Faults

__all__ = ["LOADS", "SIDES", "Duration", "Load"]

SIDES: Final = ("ours", "naive", "blocking", "empty", "empty-threads")

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


# As many as naive's worker has.
_TWO: Final = 2
_TEN_S: Final = Duration(10)
_LOGNORMAL: Final = Duration(8, 0.5)
_ONE_IN_TWENTY: Final = 0.05

_ALL: Final = (
    Load(
        name="burst-10s",
        title="1,000 of 10 s at once, polled",
        count=1000,
        duration=_TEN_S,
        workers=_TWO,
        sides=("ours", "naive", "blocking"),
        # In each of 64 slots three, one after the other.
        counts={"blocking": 192},
        rounds={"blocking": 1},
        run_s=42,
    ),
    Load(
        name="burst-lognormal",
        title="3,000 at once, lognormal of 8 s, polled",
        count=3000,
        duration=_LOGNORMAL,
        workers=_TWO,
        run_s=90,
    ),
    Load(
        name="webhooks-20",
        title="20 a second for a minute, lognormal of 8 s, webhooks",
        count=1200,
        duration=_LOGNORMAL,
        rate=20,
        webhooks=True,
        rounds={"naive": 1},
        run_s=105,
    ),
    Load(
        name="webhooks-100",
        title="100 a second for a minute, lognormal of 8 s, webhooks",
        count=6000,
        duration=_LOGNORMAL,
        workers=_TWO,
        rate=100,
        webhooks=True,
        rounds={"ours": 1, "naive": 1},
        run_s=115,
    ),
    Load(
        name="clean",
        title="400 of 10 s at once, nothing goes wrong",
        count=400,
        duration=_TEN_S,
        workers=_TWO,
        run_s=35,
    ),
    Load(
        name="throttled",
        title="400 of 10 s at once, 5% of the POSTs answered 503",
        count=400,
        duration=_TEN_S,
        workers=_TWO,
        faults=Faults(seed=1, throttled=_ONE_IN_TWENTY),
        run_s=45,
    ),
    Load(
        name="dribbling",
        title="400 of 10 s at once, 5% of all answers dribble for 40 s",
        count=400,
        duration=_TEN_S,
        workers=_TWO,
        faults=Faults(seed=1, dribbled=_ONE_IN_TWENTY),
        # Two processes that wait for 40 s some 80 times: that takes naive half an hour.
        rounds={"ours": 1, "naive": 1},
        patience_s=180,
        run_s=150,
    ),
    Load(
        name="long",
        title="300 of 60 s at once, polled",
        count=300,
        duration=Duration(60),
        workers=_TWO,
        rounds={"ours": 1, "naive": 1},
        run_s=90,
    ),
    Load(
        name="waiting",
        title="20,000 of 180 s at once, polled",
        count=20_000,
        duration=Duration(180),
        sides=("ours",),
        rounds={"ours": 1},
        patience_s=900,
        run_s=420,
    ),
    Load(
        name="lone",
        title="one now and then, on an idle fleet",
        count=40,
        duration=Duration(1),
        rate=1,
        jitter=True,
        rounds={"ours": 1, "naive": 1},
        run_s=75,
    ),
    *(
        Load(
            name=f"workers-{workers}",
            title=f"1,000 of 10 s at once, polled, workers: {workers}",
            count=1000,
            duration=_TEN_S,
            workers=workers,
            sides=("ours",),
            rounds={"ours": 1},
            run_s=45,
        )
        for workers in (1, 2, 4)
    ),
    Load(
        name="empty",
        title="Celery messages that do nothing",
        count=5000,
        duration=Duration(0),
        sides=("empty", "empty-threads"),
        rounds={"empty": 1, "empty-threads": 1},
        run_s=25,
    ),
)

LOADS: Final = {load.name: load for load in _ALL}
