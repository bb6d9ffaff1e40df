"""The targets that Conveyor has, judged by what was measured. What falls short is printed, too."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from benchmarks.figures import Figures

__all__ = ["PROMISES", "Promise", "Verdict", "judge"]

Table = Mapping[tuple[str, str], Figures]
"""What was measured, by load and side."""


@dataclass(frozen=True, slots=True)
class Promise:
    """One target.

    Attributes:
        load: Under which load.
        text: What is promised, without the bound.
        bound: The most that the figure may be.
        figure: Reads it; raises `KeyError` where it was not measured.
        unit: Of both.
    """

    load: str
    text: str
    bound: float
    figure: Callable[[Table], float]
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a promise.

    Attributes:
        promise: The promise.
        measured: The figure, None where it was not measured.
    """

    promise: Promise
    measured: float | None

    @property
    def is_met(self) -> bool:
        """Whether it was measured, and is within the bound."""
        return self.measured is not None and self.measured <= self.promise.bound

    @property
    def word(self) -> str:
        """``met``, ``short`` or ``not measured``."""
        if self.measured is None:
            return "not measured"
        return "met" if self.is_met else "short"


def judge(table: Table) -> list[Verdict]:
    """Judge all promises.

    Args:
        table: What was measured.
    """
    return [Verdict(promise, _read(promise, table)) for promise in PROMISES]


def _read(promise: Promise, table: Table) -> float | None:
    try:
        return promise.figure(table)
    except KeyError:
        return None


def _ours(load: str, name: str) -> Callable[[Table], float]:
    return lambda table: _value(table[load, "ours"], name)


def _beside_naive(load: str, name: str) -> Callable[[Table], float]:
    return lambda table: _value(table[load, "ours"], name) / _value(table[load, "naive"], name)


def _beside(load: str, name: str, other: str, other_name: str = "") -> Callable[[Table], float]:
    """Ours under one load, in proportion to ours under another."""
    return lambda table: (
        _value(table[load, "ours"], name) / _value(table[other, "ours"], other_name or name)
    )


def _value(figures: Figures, name: str) -> float:
    value = getattr(figures, name)
    if value is None:
        raise KeyError(name)
    return float(value)


def _cpu_with_web(table: Table) -> float:
    figures = table["webhooks-20", "ours"]
    return figures.worker_cpu_ms + figures.web_cpu_ms


def _touched_late(table: Table) -> float:
    clean = _value(table["clean", "ours"], "makespan_s")
    return _value(table["dribbling", "ours"], "touched_s") - clean


def _never(*names: str) -> Callable[[Table], float]:
    """What must not happen, over all loads."""

    def count(table: Table) -> float:
        """Add up what has happened to ours, under whatever load."""
        ours = [figures for (_, side), figures in table.items() if side == "ours"]
        if not ours:
            raise KeyError("ours")
        return sum(_value(it, name) for it in ours for name in names)

    return count


_PLAIN: Final = "burst-10s"
_SPREAD: Final = "burst-lognormal"
_CALLED: Final = "webhooks-20"
_BUSY: Final = "webhooks-100"
_WAITING: Final = "waiting"

PROMISES: Final = (
    Promise(_PLAIN, "worker CPU, ours to naive", 0.65, _beside_naive(_PLAIN, "worker_cpu_ms"), "x"),
    Promise(_PLAIN, "makespan, ours to naive", 1.05, _beside_naive(_PLAIN, "makespan_s"), "x"),
    Promise(_PLAIN, "Celery messages a conversion", 1.3, _ours(_PLAIN, "messages")),
    Promise(_PLAIN, "round trips to Redis a conversion", 3, _ours(_PLAIN, "round_trips")),
    Promise(
        _SPREAD, "worker CPU, ours to naive", 0.65, _beside_naive(_SPREAD, "worker_cpu_ms"), "x"
    ),
    Promise(_SPREAD, "makespan, ours to naive", 1, _beside_naive(_SPREAD, "makespan_s"), "x"),
    Promise(_SPREAD, "ready → stored, p50", 2.5, _ours(_SPREAD, "ready_to_stored_p50_s"), "s"),
    Promise(_SPREAD, "ready → stored, p99", 6, _ours(_SPREAD, "ready_to_stored_p99_s"), "s"),
    Promise(_SPREAD, "polls a conversion", 2, _ours(_SPREAD, "polls")),
    Promise(_CALLED, "ready → stored, p50", 0.2, _ours(_CALLED, "ready_to_stored_p50_s"), "s"),
    Promise(_CALLED, "ready → stored, p99", 1, _ours(_CALLED, "ready_to_stored_p99_s"), "s"),
    Promise(_CALLED, "polls a conversion", 1.05, _ours(_CALLED, "polls")),
    Promise(_CALLED, "CPU of worker and `web`", 8, _cpu_with_web, "ms"),
    Promise(_BUSY, "enqueued → submitted, p99", 5, _ours(_BUSY, "submitted_p99_s"), "s"),
    Promise(_BUSY, "ready → stored, p99", 5, _ours(_BUSY, "ready_to_stored_p99_s"), "s"),
    Promise("throttled", "makespan, to clean", 2, _beside("throttled", "makespan_s", "clean"), "x"),
    Promise(
        "dribbling",
        "makespan without a dribble, to clean",
        1.5,
        _beside("dribbling", "untouched_s", "clean", "makespan_s"),
        "x",
    ),
    Promise(
        "dribbling", "those that dribble, after clean and their timeouts", 15, _touched_late, "s"
    ),
    Promise(_WAITING, "memory of the worker tree", 250, _ours(_WAITING, "rss_mb"), "MB"),
    Promise(_WAITING, "memory of Redis a conversion", 3, _ours(_WAITING, "redis_memory_kb"), "KB"),
    Promise(_WAITING, "the most in `unacked`", 999, _ours(_WAITING, "unacked")),
    Promise(_WAITING, "without an outcome", 0, _ours(_WAITING, "lost")),
    Promise(
        "lone",
        "enqueued → submitted, p50",
        0.05,
        _ours("lone", "submitted_p50_s"),
        "s",
    ),
    *(
        Promise(
            f"workers-{number}",
            "worker CPU, to one worker's",
            1.1,
            _beside(f"workers-{number}", "worker_cpu_ms", "workers-1"),
            "x",
        )
        for number in (2, 4)
    ),
    Promise(
        "all",
        "violations, duplicates, failures, losses",
        0,
        _never("violations", "duplicates", "failed", "lost"),
    ),
    Promise("all", "results stored and not published", 0, _never("silent")),
)
