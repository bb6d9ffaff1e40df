"""`docs/performance.md` and its picture, written from the last figures."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.figures import Figures
from benchmarks.loads import LOADS
from benchmarks.plot import plot
from benchmarks.promises import judge
from benchmarks.report import RATIOS, SPEED, UPKEEP, Column, by_load_and_side, number, ratio
from workers.local.environment import ROOT

__all__ = ["page", "write_docs"]

Table = Mapping[tuple[str, str], Figures]

_PAGE: Final = ROOT / "docs" / "performance.md"
_PICTURE: Final = ROOT / "docs" / "pictures" / "performance.png"

_TEMPLATE: Final = Path(__file__).with_name("performance.template.md")


def write_docs(kept: Mapping[str, Any], profile: Mapping[str, Any]) -> None:
    """Write the page and its picture.

    Args:
        kept: What was measured last, as `benchmarks.kept.kept` reads it.
        profile: Where the CPU goes, empty where that is not known.
    """
    plot(by_load_and_side(kept["runs"]), _PICTURE)
    _PAGE.write_text(page(kept, profile), encoding="utf-8")


def page(kept: Mapping[str, Any], profile: Mapping[str, Any]) -> str:
    """The page's text.

    Args:
        kept: What was measured last.
        profile: Where the CPU goes, empty where that is not known.
    """
    table = by_load_and_side(kept["runs"])
    return _TEMPLATE.read_text(encoding="utf-8").format(
        machine=kept["machine"],
        at=kept["at"],
        rounds=_rounds(kept["runs"]),
        others=f"{statistics.median(it.others_busy for it in kept['runs']):.0%}",
        ratios=_ratios(table),
        promises=_promises(table),
        speed=_figures(table, SPEED),
        upkeep=_figures(table, UPKEEP),
        loads=_loads(table),
        profile=_profile(profile),
    )


def _rounds(runs: Iterable[Figures]) -> str:
    most = max(Counter((run.load, run.side) for run in runs).values())
    return f"up to {most} runs" if most > 1 else "one run of each side"


def _ratios(table: Table) -> str:
    rows = [
        (f"`{load}`", *(ratio(ours, table[load, "naive"], name) for name in RATIOS.values()))
        for (load, side), ours in table.items()
        if side == "ours" and (load, "naive") in table
    ]
    return _markdown(("load", *RATIOS), rows, left=1)


def _promises(table: Table) -> str:
    rows = [
        (
            f"`{it.promise.load}`",
            it.promise.text,
            f"{it.promise.bound:g} {it.promise.unit}".strip(),
            f"{number(it.measured)} {it.promise.unit}".strip() if it.word != "not measured" else "",
            it.word if it.is_met else f"**{it.word}**",
        )
        for it in judge(table)
    ]
    return _markdown(("load", "what", "at most", "measured", ""), rows)


def _figures(table: Table, columns: Sequence[Column]) -> str:
    rows = [
        (f"`{load}`", side, *(column.text(it) for column in columns))
        for (load, side), it in table.items()
    ]
    return _markdown(("load", "side", *(column.heading for column in columns)), rows)


def _loads(table: Table) -> str:
    names = dict.fromkeys(load for load, _ in table)
    rows = [(f"`{name}`", LOADS[name].title) for name in names if name in LOADS]
    return _markdown(("load", "what it is"), rows, left=2)


def _profile(profile: Mapping[str, Any]) -> str:
    if not profile:
        return ""
    rows = [(owner, f"{share:.0%}") for owner, share in profile["shares"].items()]
    return (
        "## Where a worker's CPU goes\n\n"
        f"You see samples of a worker under `{profile['load']}`, {profile['rate']} a second, of "
        "the thread that held the interpreter's lock.\nredis-py and the standard library count for "
        f"their callers.\n\n{_markdown(('', 'share'), rows, left=1)}\n"
    )


def _markdown(headings: Iterable[str], rows: Iterable[Sequence[str]], left: int = 2) -> str:
    """A table; the first columns to the left, the others to the right."""
    names = list(headings)
    lines = ["---" if place < left else "--:" for place in range(len(names))]
    body = [names, lines, *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in body)
