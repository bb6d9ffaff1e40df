"""All loads that are measured, in this order, and the sides that take part."""

from __future__ import annotations

from typing import Final

from benchmarks.faults import Faults
from benchmarks.load import Duration, Load

__all__ = ["LOADS", "SIDES"]

SIDES: Final = ("ours", "naive", "blocking", "empty", "empty-threads")

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
