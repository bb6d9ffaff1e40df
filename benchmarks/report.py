"""The figures as people read them: ratios first, then the promises, then all of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from rich.console import Console
from rich.table import Table

from benchmarks.figures import Figures, medians
from benchmarks.promises import Verdict, judge

__all__ = ["RATIOS", "SPEED", "UPKEEP", "Column", "by_load_and_side", "number", "ratio", "show"]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the table of all figures.

    Attributes:
        heading: Its heading, in a line or two.
        text: What stands in it.
    """

    heading: str
    text: Callable[[Figures], str]


def number(value: float | None) -> str:
    """A figure with as many digits as say something.

    Args:
        value: None where it was not measured.
    """
    if value is None:
        return ""
    if abs(value) >= 100:  # noqa: PLR2004
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"  # noqa: PLR2004


def _of(name: str) -> Callable[[Figures], str]:
    return lambda figures: number(getattr(figures, name))


def _cpu(figures: Figures) -> str:
    web = f" + {number(figures.web_cpu_ms)}" if figures.web_cpu_ms else ""
    return number(figures.worker_cpu_ms) + web


def _memory(figures: Figures) -> str:
    return f"{figures.rss_mb:.0f}, {figures.pss_mb:.0f}"


def _broken(figures: Figures) -> str:
    counts = (figures.violations, figures.duplicates, figures.failed, figures.lost)
    return ", ".join(f"{count:.0f}" for count in counts)


SPEED: Final = (
    Column("conversions", lambda figures: f"{figures.conversions:,}"),
    Column("most at the service", lambda figures: f"{figures.most_at_service:,.0f}"),
    Column("CPU, ms", _cpu),
    Column("makespan, s", _of("makespan_s")),
    Column("ready → stored p50, s", _of("ready_to_stored_p50_s")),
    Column("p99, s", _of("ready_to_stored_p99_s")),
    Column("polls", _of("polls")),
    Column("violations, duplicates, failed, lost", _broken),
)
"""What a caller sees, and what it costs."""

UPKEEP: Final = (
    Column("Celery messages", _of("messages")),
    Column("round trips to Redis", _of("round_trips")),
    Column("Redis commands", _of("redis_commands")),
    Column("Redis traffic, KB", _of("redis_kb")),
    Column("Redis CPU, ms", _of("redis_cpu_ms")),
    Column("Redis memory, KB", _of("redis_memory_kb")),
    Column("most unacked", lambda figures: f"{figures.unacked:,.0f}"),
    Column("workers' RSS, PSS, MB", _memory),
    Column("idle CPU, ms a second", _of("idle_cpu_ms")),
)
"""What it asks of Redis and of the machine. All but the last three are a conversion's."""

RATIOS: Final = {
    "CPU": "worker_cpu_ms",
    "makespan": "makespan_s",
    "p50": "ready_to_stored_p50_s",
    "p99": "ready_to_stored_p99_s",
    "polls": "polls",
    "messages": "messages",
    "round trips": "round_trips",
    "Redis commands": "redis_commands",
}
"""What is shown as ours to naive, by heading."""


def by_load_and_side(runs: Iterable[Figures]) -> dict[tuple[str, str], Figures]:
    """The medians of all rounds.

    Args:
        runs: What was measured, in its order.
    """
    groups: dict[tuple[str, str], list[Figures]] = defaultdict(list)
    for it in runs:
        groups[it.load, it.side].append(it)
    return {place: medians(group) for place, group in groups.items()}


def show(console: Console, runs: Sequence[Figures]) -> list[Verdict]:
    """Print all that was measured.

    Args:
        console: The console to print on.
        runs: All of it.

    Returns:
        What became of each promise.
    """
    table = by_load_and_side(runs)
    console.print(_ratios(table))
    verdicts = judge(table)
    console.print(_promises(verdicts))
    console.print(_figures("each conversion, medians; CPU of workers + `web`", table, SPEED))
    console.print(_figures("each conversion at Redis, and memory", table, UPKEEP))
    return verdicts


def _ratios(figures: dict[tuple[str, str], Figures]) -> Table:
    table = _table("Conveyor to naive: below 1, Conveyor needs less", ("load", *RATIOS))
    for (load, side), ours in figures.items():
        theirs = figures.get((load, "naive"))
        if side == "ours" and theirs is not None:
            table.add_row(load, *(ratio(ours, theirs, name) for name in RATIOS.values()))
    return table


def ratio(ours: Figures, theirs: Figures, name: str) -> str:
    """Ours to theirs, as text; empty where one of them was not measured.

    Args:
        ours: Our figures.
        theirs: Theirs.
        name: Which figure.
    """
    mine, other = getattr(ours, name), getattr(theirs, name)
    return number(mine / other) if mine is not None and other else ""


def _promises(verdicts: list[Verdict]) -> Table:
    table = _table("targets", ("load", "", "at most", "measured", ""))
    for it in verdicts:
        if it.measured is not None:
            promise = it.promise
            table.add_row(
                promise.load,
                promise.text,
                f"{promise.bound:g} {promise.unit}",
                f"{number(it.measured)} {promise.unit}",
                f"[{'green' if it.is_met else 'red'}]{it.word}",
            )
    return table


def _figures(
    title: str, figures: dict[tuple[str, str], Figures], columns: Sequence[Column]
) -> Table:
    table = _table(title, ("load", "", *(column.heading for column in columns)))
    last = ""
    for (load, side), it in figures.items():
        if load != last and last:
            table.add_section()
        name, last = ("" if load == last else load), load
        table.add_row(name, side, *(column.text(it) for column in columns))
    return table


def _table(title: str, headings: Iterable[str]) -> Table:
    table = Table(title=title, title_justify="left")
    for place, heading in enumerate(headings):
        table.add_column(heading, justify="right" if place > 1 else "left")
    return table
