"""``python -m benchmarks.schedule``: simulate the schedules, print a table and draw the plot.

It writes ``docs/pictures/schedule.png`` and ends with the table of ``docs/schedule.md``. Both come
out the same each time.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Final

from benchmarks.schedule.loads import LOADS
from benchmarks.schedule.plot import draw
from benchmarks.schedule.policies import Aimed, Average, Backoff, Conveyor, Fixed, Oracle
from benchmarks.schedule.simulation import Outcome, simulate

SEED: Final = 1
POLICIES: Final = (Fixed, Backoff, Average, Conveyor, Oracle)
PICTURE: Final = Path(__file__).parents[2] / "docs" / "pictures" / "schedule.png"
_AIMS_S: Final = (5.05, 5.5, 6, 6.5, 7, 7.5, 8, 9, 10, 12, 15, 20, 30, 40, 50, 60, 80)


def main() -> int:
    """Simulate each load under each schedule."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.schedule", description=__doc__)
    parser.add_argument("--picture", type=Path, default=PICTURE, help="where the plot is written")
    options = parser.parse_args()
    outcomes = {
        load.name: {policy.name: simulate(load, policy(), SEED) for policy in POLICIES}
        for load in LOADS
    }
    frontiers = {
        load.name: [simulate(load, Aimed(aim_s), SEED) for aim_s in _AIMS_S] for load in LOADS
    }
    draw(outcomes, frontiers, options.picture)
    names = [policy.name for policy in POLICIES]
    print("|", " | ".join(["load", *names]), "|")
    print("|---" * (len(names) + 1), "|", sep="")
    for load, by_policy in outcomes.items():
        print("|", " | ".join([load, *(_cell(by_policy[name]) for name in names)]), "|")
    return 0


def _cell(outcome: Outcome) -> str:
    return f"{outcome.polls:.2f}; {outcome.p50_s:.2f}, {outcome.p99_s:.1f}"


if __name__ == "__main__":
    sys.exit(main())
