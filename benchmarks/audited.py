"""Figures of a run that the stand-in's audit tells: polls, breaches, latencies, dribbles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from benchmarks.figures import most_at_once, percentile
from benchmarks.outcomes import Outcome

__all__ = ["seen_by_the_service"]

# An answer is given up after `CONVEYOR_ANSWER_TIMEOUT_SECONDS`, a download comes to its end.
_WAITS_S: Final = {"post": 30.0, "poll": 30.0, "download": 40.0}


def seen_by_the_service(
    audit: Mapping[str, Any], ended: dict[int, Outcome], accepted: dict[int, float], began: float
) -> dict[str, Any]:
    """The figures of `benchmarks.figures.Figures` that the audit tells.

    Args:
        audit: The stand-in's.
        ended: Outcomes, by the sources' numbers.
        accepted: When each source was enqueued, seconds since the epoch, by its number.
        began: When the run began, seconds since the epoch.
    """
    jobs = audit["jobs"]
    return {
        "violations": audit["violations"],
        "duplicates": audit["duplicates"],
        "throttled": audit["counts"].get("throttled", 0),
        "most_at_service": most_at_once((it["posted_at"], it["ready_at"]) for it in jobs),
        "polls": sum(job["polls"] for job in jobs) / max(1, len(jobs)),
        **_latencies(jobs, ended, accepted),
        **_dribbles(jobs, ended, began),
    }


def _latencies(
    jobs: list[dict[str, Any]], ended: dict[int, Outcome], accepted: dict[int, float]
) -> dict[str, float | None]:
    ready = {job["number"]: job["ready_at"] for job in jobs}
    posted = {job["number"]: job["posted_at"] for job in jobs}
    waits = [at - ready[number] for number, (at, _) in ended.items() if number in ready]
    submits = [posted[number] - at for number, at in accepted.items() if number in posted]
    return {
        "ready_to_stored_p50_s": percentile(waits, 0.5) if waits else None,
        "ready_to_stored_p99_s": percentile(waits, 0.99) if waits else None,
        "submitted_p50_s": percentile(submits, 0.5) if submits else None,
        "submitted_p99_s": percentile(submits, 0.99) if submits else None,
    }


def _dribbles(
    jobs: list[dict[str, Any]], ended: dict[int, Outcome], began: float
) -> dict[str, float]:
    """When those ended that a dribble touched, and those that none touched."""
    waits_s = {job["number"]: _waits_s(job["dribbled"]) for job in jobs}
    if not any(waits_s.values()):
        return {}
    ends = {number: at - began for number, (at, _) in ended.items()}
    untouched = [end for number, end in ends.items() if not waits_s.get(number)]
    touched = [end - waits_s[number] for number, end in ends.items() if waits_s.get(number)]
    return {"untouched_s": max(untouched, default=0.0), "touched_s": max(touched, default=0.0)}


def _waits_s(dribbled: list[str]) -> float:
    """How long a client of ours waits for answers that dribble; DELETEs keep nobody waiting."""
    return sum(_WAITS_S.get(kind, 0.0) for kind in dribbled)
