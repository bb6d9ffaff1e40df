"""What was measured, and the statistics of it."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from itertools import accumulate
from typing import Any

__all__ = ["Figures", "medians", "most_at_once", "percentile"]


@dataclass(frozen=True, kw_only=True)
class Figures:
    """One run of one side under one load; None where it does not apply.

    Attributes:
        load: The load's name.
        side: The side's name.
        conversions: How many were enqueued.
        makespan_s: From the first enqueued to the last outcome.
        worker_cpu_ms: A conversion: user and system time of the whole worker tree, until its
            last DELETE.
        idle_cpu_ms: A second, while nothing is to be done.
        web_cpu_ms: A conversion: the same of `web`.
        producer_cpu_ms: The same of this process, which enqueues and listens.
        service_cpu_ms: The same of the stand-in.
        redis_cpu_ms: The same of Redis.
        ready_to_stored_p50_s: From a job's end at the service until its outcome is visible.
        ready_to_stored_p99_s: The same.
        submitted_p50_s: From the return of the call that enqueued until the service has the POST.
        submitted_p99_s: The same.
        most_at_service: How many jobs ran there at once, at most.
        polls: A conversion.
        violations: Polls that overlapped or came too early.
        duplicates: Jobs that were paid again.
        failed: Conversions that ended without a file.
        lost: Conversions without an outcome when patience ended.
        rss_mb: The worker tree's peak, shared pages counted for each process.
        pss_mb: The same, shared pages divided.
        messages: Celery messages a conversion.
        round_trips: Of worker and `web` to Redis, a conversion.
        redis_commands: A conversion, those of scripts too.
        redis_kb: Bytes to and from Redis, KB a conversion.
        redis_memory_kb: The server's peak over what it held before, KB a conversion.
        unacked: The most that lay in `unacked`.
        throttled: POSTs that were answered 503.
        untouched_s: From the first enqueued to the last outcome of those none of whose answers
            dribbled; None where none did.
        touched_s: The same of the others, each less its own time-outs.
        tail_s: From the last outcome to the last request to the service: DELETEs follow behind.
        silent: Results that were stored and not published.
        others_busy: Share of the machine's CPU that went to others during the run: what else it
            was doing, which slows all sides down.
    """

    load: str
    side: str
    conversions: int
    makespan_s: float
    worker_cpu_ms: float
    idle_cpu_ms: float = 0.0
    web_cpu_ms: float = 0.0
    producer_cpu_ms: float = 0.0
    service_cpu_ms: float = 0.0
    redis_cpu_ms: float = 0.0
    ready_to_stored_p50_s: float | None = None
    ready_to_stored_p99_s: float | None = None
    submitted_p50_s: float | None = None
    submitted_p99_s: float | None = None
    most_at_service: float = 0
    polls: float = 0.0
    violations: float = 0
    duplicates: float = 0
    failed: float = 0
    lost: float = 0
    rss_mb: float = 0.0
    pss_mb: float = 0.0
    messages: float = 0.0
    round_trips: float = 0.0
    redis_commands: float = 0.0
    redis_kb: float = 0.0
    redis_memory_kb: float = 0.0
    unacked: float = 0
    throttled: float = 0
    untouched_s: float | None = None
    touched_s: float | None = None
    tail_s: float = 0.0
    silent: float = 0
    others_busy: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Figures:
        """The inverse of `to_dict`."""
        known = {field.name for field in fields(cls)}
        return cls(**{name: value for name, value in plain.items() if name in known})


# What must not hide behind a median: the worst of all rounds counts.
_WORST = frozenset({"violations", "duplicates", "failed", "lost", "silent"})


def percentile(values: Iterable[float], share: float) -> float:
    """The least value that at least this share of the values does not exceed.

    Args:
        values: At least one.
        share: From 0 to 1.
    """
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def most_at_once(spans: Iterable[tuple[float, float]]) -> int:
    """How many spans of time overlap at most.

    Args:
        spans: Begin and end of each. One that begins when another ends does not overlap it.
    """
    changes = sorted(
        change for begin, end in spans for change in ((begin, 1), (end, -1)) if end > begin
    )
    return max(accumulate(change for _, change in changes), default=0)


def medians(runs: Sequence[Figures]) -> Figures:
    """One run that stands for several: medians, and the worst of what must never happen.

    Args:
        runs: Of one side under one load, at least one.
    """
    merged: dict[str, Any] = {}
    for field in fields(Figures):
        values = [getattr(run, field.name) for run in runs]
        merged[field.name] = _one_of(field.name, values)
    return Figures(**merged)


def _one_of(name: str, values: list[Any]) -> Any:
    known = [value for value in values if value is not None]
    if not known or not isinstance(known[0], int | float):
        return known[0] if known else None
    return max(known) if name in _WORST else statistics.median(known)
