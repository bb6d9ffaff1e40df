"""Polls against latency: a panel a load, a mark a schedule."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from benchmarks.schedule.simulation import Outcome

__all__ = ["draw"]

_COLUMNS: Final = 5
_COLOURS: Final = {
    "every 5 s": "#7a7a7a",
    "exponential backoff": "#c77b30",
    "moving average": "#b0413e",
    "Conveyor": "#1f6f8b",
    "oracle": "#3f8f4f",
}
# What lies below is as good as at once.
_LEAST_S: Final = 0.05


def draw(
    outcomes: Mapping[str, Mapping[str, Outcome]],
    frontiers: Mapping[str, list[Outcome]],
    path: Path,
) -> None:
    """Draw the plot.

    Args:
        outcomes: By load, by schedule.
        frontiers: By load: what the best of all ages to begin at cost, one after the other.
        path: The PNG.
    """
    # Loaded here: it takes most of a second, and the tests load this module.
    from matplotlib.figure import Figure  # noqa: PLC0415 - as above

    rows = -(-len(outcomes) // _COLUMNS)
    figure = Figure(figsize=(3.1 * _COLUMNS, 3.2 * rows + 0.6), layout="constrained")
    panels = figure.subplots(rows, _COLUMNS).flat
    for panel, (load, by_policy) in zip(panels, outcomes.items(), strict=False):
        frontier = frontiers[load]
        panel.plot(
            [each.polls for each in frontier],
            [_shown(each.p50_s) for each in frontier],
            color="#c9c9c9",
            zorder=0,
            label="begun at one age for all, then every 5 s: p50",
        )
        for policy, outcome in by_policy.items():
            p50_s, p99_s = _shown(outcome.p50_s), _shown(outcome.p99_s)
            colour = _COLOURS[policy]
            panel.vlines(outcome.polls, p50_s, p99_s, color=colour, linewidth=1)
            panel.plot(outcome.polls, p50_s, "o", color=colour, label=f"{policy}: p50, up to p99")
        panel.set_title(load, fontsize=9)
        panel.set_yscale("log")
        panel.set_ylim(_LEAST_S * 0.8, 100)
        panel.set_xlim(left=0.8)
        panel.grid(visible=True, which="major", color="#eeeeee")
        panel.tick_params(labelsize=8)
    figure.supxlabel("polls a conversion", fontsize=9)
    figure.supylabel("seconds from the end until it is seen", fontsize=9)
    handles, labels = panel.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=3, fontsize=8)
    figure.savefig(path, dpi=110, metadata={"Software": None})


def _shown(seconds: float) -> float:
    return max(seconds, _LEAST_S)
