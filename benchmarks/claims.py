"""``python -m benchmarks.claims``: what a claim costs, however many conversions wait.

A claim takes 64 of what is due. It is measured beside 100, 10,000 and 1,000,000 others that wait,
on a Valkey of its own. Then ten processes claim 20,000 at once.
"""

from __future__ import annotations

import argparse
import sys

from rich.console import Console
from rich.table import Table

from benchmarks.claim_costs import ROUNDS, SCENES, WAITING, measure
from benchmarks.claim_sharing import AT_ONCE, WORKERS, Shared, share
from benchmarks.due import LIMIT
from local_stack.valkey import Valkey


def main() -> int:
    """Measure, and print two tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.claims", description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="claims that are measured")
    parser.add_argument("--most", type=int, default=WAITING[-1], help="at most so many wait")
    options = parser.parse_args()
    console = Console()
    waiting = [count for count in WAITING if count <= options.most]
    with Valkey() as server:
        console.print(_costs(server.url(), waiting, options.rounds))
        shared = share(server.url())
    console.print(_shares(shared))
    return 1 if shared.twice or shared.missing else 0


def _costs(url: str, waiting: list[int], rounds: int) -> Table:
    table = Table(title=f"A claim of {LIMIT}: median ms at the server / until it was read")
    table.add_column("")
    for count in waiting:
        table.add_column(f"{count:,} wait", justify="right")
    for scene in SCENES:
        costs = [measure(url, scene, count, rounds) for count in waiting]
        table.add_row(
            scene.name, *(f"{cost.server_ms:.2f} / {cost.round_trip_ms:.2f}" for cost in costs)
        )
    return table


def _shares(shared: Shared) -> Table:
    table = Table(title=f"{WORKERS} processes claim {AT_ONCE:,} at once")
    for name in ("seconds", "claims a second", "taken by each", "empty claims", "twice", "missing"):
        table.add_column(name, justify="right")
    full = -(-AT_ONCE // LIMIT)
    table.add_row(
        f"{shared.seconds:.2f}",
        f"{shared.claims / shared.seconds:.0f}",
        f"{shared.of_each[0]} to {shared.of_each[-1]}",
        str(max(shared.claims - full, 0)),
        str(shared.twice),
        str(shared.missing),
    )
    return table


if __name__ == "__main__":
    sys.exit(main())
