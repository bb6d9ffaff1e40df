"""The figures as a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.figures import Figures

__all__ = ["plot"]

Table = Mapping[tuple[str, str], Figures]

_COLOURS: Final = {"ours": "#1b6ca8", "naive": "#d98032"}
_LABELS: Final = {"ours": "Conveyor", "naive": "naive"}
_BAR: Final = 0.38


def plot(table: Table, path: Path) -> None:
    """Draw CPU, makespan and latency by load, ours beside naive.

    Args:
        table: What was measured, by load and side. Nothing is drawn where nothing is beside.
        path: The PNG file.
    """
    loads = [load for load, side in table if side == "ours" and (load, "naive") in table]
    if not loads:
        return
    # Loaded here: it takes most of a second, and who asks for tables needs no picture.
    from matplotlib.figure import Figure  # noqa: PLC0415 - as above

    figure = Figure(figsize=(13, 0.55 * len(loads) + 1.9))
    axes = figure.subplots(1, 3, sharey=True)
    _bars(axes[0], table, loads, "worker_cpu_ms", "CPU of workers and web, ms a conversion")
    _bars(axes[1], table, loads, "makespan_s", "makespan, s")
    _latencies(axes[2], table, loads)
    axes[0].set_yticks(range(len(loads)), loads)
    axes[0].invert_yaxis()
    axes[0].legend(loc="best", frameon=False)
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


def _bars(axis: Any, table: Table, loads: Sequence[str], name: str, title: str) -> None:
    for number, side in enumerate(_COLOURS):
        values = [getattr(table[load, side], name) for load in loads]
        places = [place + (number - 0.5) * _BAR for place in range(len(loads))]
        label, colour = _LABELS[side], _COLOURS[side]
        axis.barh(places, values, _BAR, label=label, color=colour)
        if name == "worker_cpu_ms":
            web = [table[load, side].web_cpu_ms for load in loads]
            axis.barh(places, web, _BAR, left=values, color=colour, alpha=0.5)
    _tidy(axis, title)


def _latencies(axis: Any, table: Table, loads: Sequence[str]) -> None:
    """A dot at the median, and a line up to the 99th percentile."""
    for number, side in enumerate(_COLOURS):
        for place, load in enumerate(loads):
            it = table[load, side]
            p50, p99 = it.ready_to_stored_p50_s, it.ready_to_stored_p99_s
            if p50 is not None and p99 is not None:
                height = place + (number - 0.5) * _BAR
                axis.plot([p50, p99], [height, height], color=_COLOURS[side], linewidth=2)
                axis.plot([p50], [height], "o", color=_COLOURS[side])
    axis.set_xscale("log")
    axis.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    _tidy(axis, "ready → stored, s: p50 (dot) to p99")


def _tidy(axis: Any, title: str) -> None:
    axis.set_title(title, fontsize=10, loc="left")
    axis.grid(axis="x", alpha=0.3)
    axis.spines[["top", "right"]].set_visible(False)
