"""``python -m benchmarks.units``: what `conveyor capacity` reckons with, from the last figures.

It reads what ``python -m benchmarks`` left, measures what Redis holds of a conversion, and writes
``conveyor/planning/unit_costs.json`` and ``docs/capacity.md``.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from benchmarks.capacity_page import page
from benchmarks.claim_costs import SCENES, WAITING, measure
from benchmarks.costs import NotMeasured, units_of
from benchmarks.footprint import footprint_in_redis
from benchmarks.kept import FIGURES, kept
from conveyor.planning.unit_costs import FILE, ClaimCost, UnitCosts, unit_costs
from local_stack.environment import ROOT
from local_stack.valkey import Valkey

__all__ = ["claims"]

_PAGE: Final = ROOT / "docs" / "capacity.md"


def main() -> int:
    """Measure the rest, and write both files."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.units", description=__doc__)
    parser.add_argument(
        "--figures",
        type=Path,
        nargs="+",
        default=[FIGURES],
        help="where figures are; of a load that several have the last counts",
    )
    parser.add_argument(
        "--page",
        action="store_true",
        help="measure nothing: write the page from the costs there are",
    )
    options = parser.parse_args()
    if not options.page:
        try:
            costs = _measure(options.figures)
        except NotMeasured as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
        FILE.write_text(costs.to_json(), encoding="utf-8")
    _PAGE.write_text(page(unit_costs()), encoding="utf-8")
    return 0


def _measure(paths: Sequence[Path]) -> UnitCosts:
    figures = [_kept(path) for path in paths]
    with Valkey() as server:
        costs = units_of(figures, footprint_in_redis(server.url()))
        print("measuring claims, which takes a minute or two", file=sys.stderr)
        return replace(costs, claims=claims(server.url()))


def _kept(path: Path) -> Mapping[str, Any]:
    try:
        return kept(path)
    except FileNotFoundError:
        raise NotMeasured(f"there is no {path}: run python -m benchmarks first") from None


def claims(url: str, numbers: Sequence[int] = WAITING) -> tuple[ClaimCost, ...]:
    """What a claim costs, by how many wait.

    Args:
        url: A server, which is emptied.
        numbers: How many wait.
    """
    scene = next(it for it in SCENES if it.kind == "poll" and it.rest_is_due)
    costs = [(waiting, measure(url, scene, waiting)) for waiting in numbers]
    return tuple(
        ClaimCost(waiting, round(cost.server_ms, 2), round(cost.round_trip_ms, 2))
        for waiting, cost in costs
    )


if __name__ == "__main__":
    sys.exit(main())
