"""One load under one schedule, poll by poll, without a clock or a network."""

from __future__ import annotations

import heapq
import random
from dataclasses import dataclass
from statistics import fmean, quantiles

from benchmarks.schedule.loads import Load
from benchmarks.schedule.policies import Policy
from conveyor.domain.durations import Sighting

__all__ = ["Outcome", "simulate"]


@dataclass(frozen=True)
class Outcome:
    """What a schedule cost.

    Attributes:
        polls: A conversion, on average.
        p50_s: From the end until it was seen, half of them, seconds.
        p99_s: The same of all but a hundredth.
    """

    polls: float
    p50_s: float
    p99_s: float


@dataclass
class _Job:
    posted_at: float
    end_s: float
    polls: int = 0
    before_s: float = 0.0
    late_s: float = 0.0


def simulate(load: Load, policy: Policy, seed: int) -> Outcome:
    """Let the conversions of a load be polled.

    Args:
        load: What they take, and when they come.
        policy: When they are polled.
        seed: Of the load and of the schedule's own dice.

    Returns:
        What it cost.
    """
    random.seed(seed)  # the schedule's own
    jobs = list(_jobs(load, random.Random(seed)))
    due = [(job.posted_at, number) for number, job in enumerate(jobs)]
    while due:
        now_s, number = heapq.heappop(due)
        wait_s = _step(jobs[number], now_s, policy)
        if wait_s:
            heapq.heappush(due, (now_s + wait_s, number))
    counted = jobs[load.warm_up :]
    late_s = quantiles([job.late_s for job in counted], n=100)
    return Outcome(fmean(job.polls for job in counted), late_s[49], late_s[98])


def _jobs(load: Load, rng: random.Random) -> list[_Job]:
    times = [number / load.rate for number in range(load.count)]
    return [_Job(now_s, load.duration_s(rng, now_s)) for now_s in times]


def _step(job: _Job, now_s: float, policy: Policy) -> float:
    """The POST, or a poll; returns the wait until the next poll, 0 at the end."""
    age_s = now_s - job.posted_at
    if not age_s:
        return policy.first_s(now_s, job.end_s)
    job.polls += 1
    # Rounded, as the oracle comes at the very end.
    ended = age_s >= job.end_s - 1e-6
    policy.saw(now_s, Sighting(age_s, job.before_s, ended))
    job.before_s, job.late_s = age_s, age_s - job.end_s
    return 0.0 if ended else policy.next_s(age_s, job.polls)
