"""``make bench``: Conveyor beside what one would write instead, under the same loads.

Real processes on loopback: one Valkey, a worker, `web` where there are webhooks, and a stand-in of
the service that converts nothing. The sides take turns, each on a fresh database. Read the ratios:
figures are of the machine they were taken on.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Final

from rich.console import Console

from benchmarks.docs import write_docs
from benchmarks.figures import Figures
from benchmarks.kept import BENCH, keep, kept
from benchmarks.load import Load
from benchmarks.loads import LOADS, SIDES
from benchmarks.plot import plot
from benchmarks.profile import keep_profile, kept_profile
from benchmarks.report import by_load_and_side, number, show
from benchmarks.run import run

_MINUTE_S: Final = 60
_WIDE: Final = 140
_PROFILED: Final = "burst-10s"


@dataclass(frozen=True, slots=True)
class _Turn:
    """One run of the plan."""

    load: Load
    side: str
    round: int


def main() -> int:
    """Measure, print, and keep the figures."""
    options, console = _options(), _console()
    if options.write_docs:
        write_docs(kept(), kept_profile())
        return 0
    if options.profile:
        _profile(console, LOADS[_PROFILED].scaled(options.scale))
        return 0
    plan = list(_plan(options))
    minutes = sum(turn.load.run_s for turn in plan) / _MINUTE_S
    console.print(f"{len(plan)} runs, about {minutes:.0f} minutes. Figures: {BENCH}")
    runs: list[Figures] = []
    for turn in plan:
        runs.append(_take(console, turn))
        keep(runs)
    show(console, runs)
    plot(by_load_and_side(runs), BENCH / "figures.png")
    return 0


def _console() -> Console:
    """Wide enough for the tables, also where the output goes into a file."""
    console = Console()
    return console if console.is_terminal else Console(width=_WIDE)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="loads:\n" + "".join(f"  {it.name:16} {it.title}\n" for it in LOADS.values()),
    )
    parser.add_argument("--loads", type=_names(LOADS), default=list(LOADS), metavar="A,B")
    parser.add_argument("--sides", type=_names(SIDES), default=list(SIDES), metavar="A,B")
    parser.add_argument("--rounds", type=int, default=3, help="medians of so many (default: 3)")
    parser.add_argument(
        "--scale", type=float, default=1.0, help="with so many times the conversions (default: 1)"
    )
    parser.add_argument(
        "--profile",
        action="store_true",
        help=f"measure nothing: sample a worker's stacks under {_PROFILED}",
    )
    parser.add_argument(
        "--write-docs",
        action="store_true",
        help="measure nothing: write docs/performance.md from the last figures",
    )
    return parser.parse_args()


def _names(known: Collection[str]) -> Callable[[str], list[str]]:
    def parse(text: str) -> list[str]:
        """Read names with commas between them, as argparse asks for it."""
        names = text.split(",")
        for name in names:
            if name not in known:
                raise argparse.ArgumentTypeError(f"{name!r}: one of {', '.join(known)}")
        return names

    return parse


def _plan(options: argparse.Namespace) -> Iterator[_Turn]:
    """The sides in turn, so that what else the machine does hits all of them alike."""
    for load in (LOADS[name].scaled(options.scale) for name in options.loads):
        for round_ in range(1, options.rounds + 1):
            for side in load.sides:
                if side in options.sides and round_ <= load.rounds_of(side, options.rounds):
                    yield _Turn(load, side, round_)


def _take(console: Console, turn: _Turn) -> Figures:
    began = time.monotonic()
    name = f"{turn.load.name}-{turn.side}-{turn.round}"
    figures = run(turn.load, turn.side, BENCH / "logs" / name)
    words = [
        f"CPU {number(figures.worker_cpu_ms)} ms",
        f"makespan {number(figures.makespan_s)} s",
        f"lost {figures.lost:.0f}",
        f"took {time.monotonic() - began:.0f} s",
    ]
    if figures.ready_to_stored_p50_s is not None:
        words.insert(2, f"p50 {number(figures.ready_to_stored_p50_s)} s")
        words.append(f"{figures.others_busy:.0%} of the machine busy with others")
    console.print(f"{turn.load.name} {turn.side} {turn.round}: {', '.join(words)}")
    return figures


def _profile(console: Console, load: Load) -> None:
    BENCH.mkdir(parents=True, exist_ok=True)
    stacks = BENCH / "stacks.txt"
    stacks.unlink(missing_ok=True)
    run(load, "ours", BENCH / "logs" / f"{load.name}-profile", stacks)
    profile = keep_profile(stacks, load.name)
    console.print(f"where a worker's CPU goes under {load.name}:")
    for owner, share in profile["shares"].items():
        console.print(f"  {owner:24} {share:4.0%}")


if __name__ == "__main__":
    sys.exit(main())
