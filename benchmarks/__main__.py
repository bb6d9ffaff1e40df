"""``make bench``: Conveyor beside what one would write instead, under the same loads.

Real processes on loopback: one Valkey, a worker, `web` where there are webhooks, and a stand-in of
the service that converts nothing. The sides take turns, each on a fresh database. Read the ratios:
figures are of the machine they were taken on.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Collection

from rich.console import Console

from benchmarks.figures import Figures, medians
from benchmarks.loads import LOADS, SIDES, Load
from benchmarks.run import run
from workers.local.environment import ROOT

BENCH = ROOT / "var" / "bench"


def main() -> int:
    """Measure, print, and keep the figures."""
    options = _options()
    console = Console()
    runs: list[Figures] = []
    loads = [LOADS[name] for name in options.loads]
    for load in loads:
        for number in range(options.rounds):
            for side in load.sides:
                if side in options.sides and number < load.rounds_of(side, options.rounds):
                    runs.append(_run(console, load, side, number))
                    _keep(runs)
    _show(console, runs)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--loads", type=_names(LOADS), default=list(LOADS), metavar="A,B")
    parser.add_argument("--sides", type=_names(SIDES), default=list(SIDES), metavar="A,B")
    parser.add_argument("--rounds", type=int, default=3, help="medians of so many (default: 3)")
    return parser.parse_args()


def _names(known: Collection[str]) -> Callable[[str], list[str]]:
    def parse(text: str) -> list[str]:
        names = text.split(",")
        for name in names:
            if name not in known:
                raise argparse.ArgumentTypeError(f"{name!r}: one of {', '.join(known)}")
        return names

    return parse


def _run(console: Console, load: Load, side: str, number: int) -> Figures:
    began = time.monotonic()
    figures = run(load, side, BENCH / "logs" / f"{load.name}-{side}-{number + 1}")
    console.print(
        f"{load.name} {side} {number + 1}: {figures.worker_cpu_ms:.1f} ms, "
        f"{figures.makespan_s:.1f} s, took {time.monotonic() - began:.0f} s"
    )
    return figures


def _keep(runs: list[Figures]) -> None:
    BENCH.mkdir(parents=True, exist_ok=True)
    plain = [it.to_dict() for it in runs]
    (BENCH / "figures.json").write_text(json.dumps(plain, indent=1) + "\n", encoding="utf-8")


def _show(console: Console, runs: list[Figures]) -> None:
    groups: dict[tuple[str, str], list[Figures]] = defaultdict(list)
    for it in runs:
        groups[it.load, it.side].append(it)
    for group in groups.values():
        console.print(medians(group))


if __name__ == "__main__":
    sys.exit(main())
