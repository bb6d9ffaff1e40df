"""Reckons what a load needs. Pure, from measured unit costs and the real schedule.

`conveyor.planning.unit_costs` has what was measured. Nothing here sends a request.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

from conveyor.domain.expected_polls import Polls
from conveyor.ledger.keys import KEEP_FINISHED_S
from conveyor.planning.capacity import (
    ACCOUNT,
    FULL,
    HOURS_A_DAY,
    REDIS_CPU,
    REDIS_MEMORY,
    WEB_CPU,
    WORKER_CPU,
    WORKER_REQUESTS,
    Capacity,
    Limit,
    Load,
)
from conveyor.planning.unit_costs import Cost, UnitCosts

__all__ = ["KEEP_RESULT_S", "reckon"]

KEEP_RESULT_S: Final = 24 * 3600
"""So long Celery's result backend keeps a result: the default of ``result_expires``."""

_MS: Final = 1000.0
_KB: Final = 1000.0
# What a conversion sends beside its polls: the POST, and the DELETE of its job.
_POST_AND_DELETE: Final = 2
# Of each file: the download, and its DELETE.
_REQUESTS_A_FILE: Final = 2
# As `workers/crew.py` has it: what takes longer goes on beside the crew, and so many times the crew
# may be at work then.
_CREW_PATIENCE_S: Final = 0.5
_CREWS_AT_WORK: Final = 8
# A delivery of its own, and the callback.
_MESSAGES_OF_A_CANVAS: Final = 2
_ANOTHER_NAMESPACE: Final = "another namespace, on a Redis of its own"


def reckon(load: Load, polls: Polls, costs: UnitCosts) -> Capacity:
    """What a load needs.

    Args:
        load: The load to plan for.
        polls: What the schedule makes of such conversions.
        costs: What was measured.
    """
    each, requests = _cost(load, polls, costs), _requests(load, polls)
    held_s = polls.duration_s + polls.late_s
    limits = tuple(sorted(_limits(load, polls, costs, each), key=lambda limit: limit.carries))
    needs = {limit.name: limit.needs for limit in limits}
    workers = max(needs[WORKER_CPU], needs[WORKER_REQUESTS])
    return Capacity(
        polls=polls.each,
        jobs_at_once=load.rate * polls.duration_s,
        in_flight=load.rate * held_s,
        requests_per_s=load.rate * requests,
        requests_at_once=load.rate * requests * load.answer_s,
        workers=workers,
        workers_for_cpu=needs[WORKER_CPU],
        workers_for_requests=needs[WORKER_REQUESTS],
        worker_cores=load.rate * each.worker_cpu_ms / _MS,
        worker_bytes=workers * costs.footprint.worker,
        webs=needs.get(WEB_CPU, 0),
        web_cores=load.rate * each.web_cpu_ms / _MS,
        messages_per_s=load.rate * each.messages,
        round_trips_per_s=load.rate * each.round_trips,
        redis_commands_per_s=load.rate * each.redis_commands,
        redis_bytes_per_s=load.rate * each.redis_kb * _KB,
        redis_cores=load.rate * each.redis_cpu_ms / _MS,
        redis_in_flight_bytes=load.rate * held_s * costs.footprint.in_flight,
        redis_kept_bytes=_kept(load, KEEP_FINISHED_S) * costs.footprint.kept,
        redis_results_bytes=_kept(load, KEEP_RESULT_S) * costs.footprint.result,
        stored_bytes_per_s=load.rate * load.files * load.file_bytes,
        stored_bytes=_kept(load, load.keep_s) * load.files * load.file_bytes,
        limits=limits,
    )


def _limits(load: Load, polls: Polls, costs: UnitCosts, each: Cost) -> Iterator[Limit]:
    def limit(name: str, amount: float, of_one: float, cure: str, *, shards: bool) -> Limit:
        """One holds `of_one`, and a conversion a second takes `amount` of it."""
        carries = of_one / amount
        return Limit(name, carries, _how_many(load.rate, carries), shards, cure)

    more = "more workers"
    yield limit(WORKER_CPU, each.worker_cpu_ms, FULL * _MS, more, shards=False)
    crews, more_threads = _crew_s(load, polls), "more workers, or CONVEYOR_REQUESTS"
    yield limit(WORKER_REQUESTS, crews, load.requests, more_threads, shards=False)
    if load.webhooks:
        yield limit(WEB_CPU, each.web_cpu_ms, FULL * _MS, "more `web` processes", shards=False)
    yield limit(REDIS_CPU, each.redis_cpu_ms, FULL * _MS, _ANOTHER_NAMESPACE, shards=True)
    held = _held_bytes(load, polls, costs)
    yield limit(REDIS_MEMORY, held, load.redis_bytes, _ANOTHER_NAMESPACE, shards=True)
    if load.account_jobs:
        another = "another account, in a namespace of its own"
        yield limit(
            ACCOUNT, polls.duration_s + polls.late_s, load.account_jobs, another, shards=True
        )


def _how_many(rate: float, carries: float) -> int:
    return max(1, math.ceil(rate / carries - 1e-9))


def _cost(load: Load, polls: Polls, costs: UnitCosts) -> Cost:
    """A conversion's: as measured, with the polls that it will take.

    A further file is a download and a DELETE. Each counts as a poll, which is a request and a note.
    """
    measured = costs.webhooks if load.webhooks else costs.polled
    further = (load.files - 1) * _REQUESTS_A_FILE
    messages = _MESSAGES_OF_A_CANVAS if load.canvas else 0
    return (
        measured.cost
        + costs.poll * (polls.each - measured.polls + further)
        + costs.message * messages
    )


def _requests(load: Load, polls: Polls) -> float:
    """To ConvertAPI, a conversion."""
    return _POST_AND_DELETE + polls.each + load.files * _REQUESTS_A_FILE


def _crew_s(load: Load, polls: Polls) -> float:
    """For how long a conversion takes one of a worker's crew, seconds.

    Files are fetched in the last poll's breath. DELETEs follow behind, without the crew.
    """
    last_s = (1 + load.files) * load.answer_s
    busy_s = polls.each * min(load.answer_s, _CREW_PATIENCE_S) + min(last_s, _CREW_PATIENCE_S)
    at_work_s = polls.each * load.answer_s + last_s
    return max(busy_s, at_work_s / _CREWS_AT_WORK)


def _held_bytes(load: Load, polls: Polls, costs: UnitCosts) -> float:
    """In Redis, where one conversion a second comes."""
    one = 1 / load.rate
    return (
        (polls.duration_s + polls.late_s) * costs.footprint.in_flight
        + one * _kept(load, KEEP_FINISHED_S) * costs.footprint.kept
        + one * _kept(load, KEEP_RESULT_S) * costs.footprint.result
    )


def _kept(load: Load, seconds: float) -> float:
    """Conversions that ended within a span of time."""
    return load.rate * seconds * load.hours_a_day / HOURS_A_DAY
