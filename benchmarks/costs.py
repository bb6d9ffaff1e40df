"""Unit costs, reckoned from the figures of whole loads."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any, Final

from benchmarks.figures import Figures, medians
from benchmarks.loads import LOADS
from conveyor.planning.unit_costs import Cost, Footprint, Measured, UnitCosts

__all__ = ["FEW_POLLS", "MANY_POLLS", "MESSAGES", "NotMeasured", "units_of"]

FEW_POLLS: Final = "clean"
MANY_POLLS: Final = "long"
MESSAGES: Final = ("empty", "empty-threads")
"""The load and the side that tell what a message costs."""

_POLLED: Final = "burst-10s"
# The busier of two loads is nearer to what a fleet at its limit does.
_WEBHOOKS: Final = ("webhooks-100", "webhooks-20")
_LEAST_MORE_POLLS: Final = 1.0
_MB: Final = 1e6


class NotMeasured(Exception):  # noqa: N818 - reads as what it says
    """A load is missing in the figures, or they can't tell what something costs."""


def units_of(files: Sequence[Mapping[str, Any]], in_redis: Mapping[str, float]) -> UnitCosts:
    """The unit costs that figures tell.

    Args:
        files: What was measured, as `benchmarks.kept.kept` reads it.
        in_redis: What Redis holds of a conversion, `footprint_in_redis`.

    Raises:
        NotMeasured: A load is missing, or a poll's cost can't be told.
    """
    runs = _by_load_and_side(run for file in files for run in [file["runs"]])
    ours = {load: run for (load, side), run in runs.items() if side == "ours"}
    polled = _needed(ours, _POLLED)
    webhooks = _needed(ours, *_WEBHOOKS)
    few, many = _needed(ours, FEW_POLLS), _needed(ours, MANY_POLLS)
    message = _needed(
        {load: run for (load, side), run in runs.items() if (load, side) == MESSAGES}, "empty"
    )
    used = (polled, webhooks, few, many, message)
    return UnitCosts(
        at=max(file["at"] for file in files),
        machine=files[-1]["machine"],
        others_busy=round(statistics.median(run.others_busy for run in used[:-1]), 2),
        command=f"python -m benchmarks --sides ours,{MESSAGES[1]} --loads "
        + ",".join(run.load for run in used),
        polled=_measured(polled),
        webhooks=_measured(webhooks),
        poll=_poll(few, many),
        message=_rounded(_cost(message) + Cost(worker_cpu_ms=message.producer_cpu_ms)),
        footprint=Footprint(**in_redis, worker=round(max(map(_worker_mb, used[:-1])) * _MB)),
    )


def _worker_mb(run: Figures) -> float:
    return run.rss_mb / LOADS[run.load].workers


def _by_load_and_side(files: Iterable[Sequence[Figures]]) -> dict[tuple[str, str], Figures]:
    found: dict[tuple[str, str], Figures] = {}
    for runs in files:
        keys = dict.fromkeys((run.load, run.side) for run in runs)
        found |= {
            key: medians([run for run in runs if (run.load, run.side) == key]) for key in keys
        }
    return found


def _needed(runs: Mapping[str, Figures], *loads: str) -> Figures:
    for load in loads:
        if load in runs:
            return runs[load]
    raise NotMeasured(
        f"the figures have no {' or '.join(loads)}: run python -m benchmarks, or at least "
        f"python -m benchmarks --sides ours,empty-threads --loads "
        f"{','.join((_POLLED, FEW_POLLS, MANY_POLLS, _WEBHOOKS[0], MESSAGES[0]))}"
    )


def _measured(run: Figures) -> Measured:
    return Measured(run.load, round(run.polls, 3), _rounded(_cost(run)))


def _poll(few: Figures, many: Figures) -> Cost:
    """A poll's: what conversions with many cost more than those with few.

    What workers do while nothing happens is in it, too, because those with many take longer.
    """
    more = many.polls - few.polls
    if more < _LEAST_MORE_POLLS:
        raise NotMeasured(
            f"{many.load} took {many.polls:.2f} polls and {few.load} {few.polls:.2f}: that is too "
            "near to tell what a poll costs"
        )
    one, other = _cost(many), _cost(few)
    names = [field.name for field in fields(Cost)]
    return _rounded(
        Cost(*(max(0.0, getattr(one, name) - getattr(other, name)) / more for name in names))
    )


def _cost(run: Figures) -> Cost:
    return Cost(**{field.name: getattr(run, field.name) for field in fields(Cost)})


def _rounded(cost: Cost) -> Cost:
    return Cost(**{it.name: round(getattr(cost, it.name), 3) for it in fields(Cost)})
