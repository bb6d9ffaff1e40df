"""The page ``docs/capacity.md``, written from unit costs and a template."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import astuple
from pathlib import Path
from typing import Final

from benchmarks.costs import FEW_POLLS, MANY_POLLS, MESSAGES
from conveyor.cli.capacity_rows import limit_rows, rows
from conveyor.domain.expected_polls import expect_polls
from conveyor.planning.capacity import Capacity, Load
from conveyor.planning.reckoning import reckon
from conveyor.planning.unit_costs import UnitCosts

__all__ = ["page"]

_TEMPLATE: Final = Path(__file__).with_name("capacity.template.md")
_MB: Final = 1e6
# Figures of a machine that others use so much are too high.
_BUSY: Final = 0.25
_PROVISIONAL: Final = " **Take them as provisional**: the machine was busy."
_RATE: Final = 1e6 / 3600
_MEDIAN_S, _SIGMA = 8.0, 0.5


def page(costs: UnitCosts) -> str:
    """The text of ``docs/capacity.md``.

    Args:
        costs: What was measured.
    """
    polled, called = (_capacity(costs, webhooks=it) for it in (False, True))
    both = zip(rows(polled), rows(called), strict=True)
    needs = [(name, one, other) for (name, one), (_, other) in both]
    carries = {name: (one, cure) for name, one, _, cure in limit_rows(called)}
    of_polled = {name: one for name, one, _, _ in limit_rows(polled)}
    limits = [(name, of_polled.get(name, "-"), one, cure) for name, (one, cure) in carries.items()]
    return _TEMPLATE.read_text(encoding="utf-8").format(
        machine=costs.machine,
        at=costs.at,
        others=f"{costs.others_busy:.0%}",
        provisional=_PROVISIONAL if costs.others_busy > _BUSY else "",
        command=costs.command,
        needs=_table(("", "polled", "webhooks"), needs),
        limits=_table(("one of", "polled", "webhooks", "then"), limits),
        first=called.first.name,
        first_polled=polled.first.name,
        costs=_costs_table(costs),
        claims=_table(
            ("waiting conversions", "ms at Redis", "ms until a worker has read the claim"),
            [
                (f"{it.waiting:,}", f"{it.server_ms:.2f}", f"{it.round_trip_ms:.2f}")
                for it in costs.claims
            ],
        ),
        in_flight=f"{costs.footprint.in_flight:,.0f}",
        kept=f"{costs.footprint.kept:,.0f}",
        result=f"{costs.footprint.result:,.0f}",
        worker=f"{costs.footprint.worker / _MB:.0f}",
    )


def _capacity(costs: UnitCosts, *, webhooks: bool) -> Capacity:
    polls = expect_polls(_MEDIAN_S, _SIGMA, webhooks=webhooks)
    return reckon(Load(rate=_RATE, webhooks=webhooks), polls, costs)


# In the order of `Cost`.
_COLUMNS: Final = (
    "workers, ms",
    "`web`, ms",
    "Redis, ms",
    "Celery messages",
    "round trips to Redis",
    "Redis commands",
    "Redis traffic, KB",
)


def _figure(value: float) -> str:
    return f"{value:.2f}" if value else "-"


def _costs_table(costs: UnitCosts) -> str:
    polled, called = costs.polled, costs.webhooks
    told = {
        f"a conversion, polled (`{polled.load}`, {polled.polls:.2f} polls)": polled.cost,
        f"a conversion, webhooks (`{called.load}`, {called.polls:.2f} polls)": called.cost,
        f"a poll (`{MANY_POLLS}` minus `{FEW_POLLS}`)": costs.poll,
        f"a Celery message (`{MESSAGES[0]}`)": costs.message,
    }
    cells = [(name, *map(_figure, astuple(cost))) for name, cost in told.items()]
    return _table(("", *_COLUMNS), cells)


def _table(headings: Sequence[str], cells: Iterable[Sequence[str]]) -> str:
    lines = ["---", *["--:"] * (len(headings) - 1)]
    return "".join(f"| {' | '.join(row)} |\n" for row in (headings, lines, *cells))
