"""What a load needs: workers, Redis, the account, the storage. Pure, from measured unit costs.

`conveyor.unit_costs` has what was measured. Nothing here sends a request.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from conveyor.domain.expected_polls import Polls
from conveyor.ledger.keys import KEEP_FINISHED_S
from conveyor.unit_costs import Cost, UnitCosts

__all__ = ["FULL", "KEEP_RESULT_S", "Capacity", "Limit", "Load", "reckon"]

FULL: Final = 0.7
"""So much of a core is used when it counts as full: what comes in bursts finds room."""

KEEP_RESULT_S: Final = 24 * 3600
"""So long Celery's result backend keeps a result: the default of ``result_expires``."""

_HOURS_A_DAY: Final = 24
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
_ACCOUNT: Final = "one account"


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """The load to plan for.

    Attributes:
        rate: Conversions a second.
        webhooks: Whether the service calls when a conversion has ended.
        files: Result files of a conversion.
        file_bytes: The size of each.
        canvas: Whether each conversion has a callback, or is a part of a chain, group or chord.
        hours_a_day: So many hours of a day it goes on.
        keep_s: So long you keep result files in the storage, seconds.
        answer_s: ConvertAPI takes so long to answer a request, seconds.
        requests: The crew of a worker, as ``CONVEYOR_REQUESTS`` says.
        account_jobs: An account may have so many jobs at once, 0 where that is not known.
        redis_bytes: The memory of one Redis.
    """

    rate: float
    webhooks: bool = False
    files: int = 1
    file_bytes: float = 100e3
    canvas: bool = False
    hours_a_day: float = _HOURS_A_DAY
    keep_s: float = 7 * 24 * 3600.0
    answer_s: float = 0.5
    requests: int = 64
    account_jobs: int = 0
    redis_bytes: float = 64e9


@dataclass(frozen=True, slots=True)
class Limit:
    """How much one of a thing carries.

    Attributes:
        name: What carries the load.
        carries: Conversions a second; one of it is full then.
        needs: How many the load needs.
        shards: Whether more of it needs a namespace or an account of its own. More processes are
            only started.
        cure: What to do where it is full.
    """

    name: str
    carries: float
    needs: int
    shards: bool
    cure: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """What a load needs, once it has gone on for as long as things are kept.

    Attributes:
        polls: A conversion.
        jobs_at_once: At the service: rate times duration (Little's law).
        in_flight: Conversions that the service works on, or whose end nobody has seen yet.
        requests_per_s: To ConvertAPI.
        requests_at_once: The same, under way.
        workers: Worker processes.
        workers_for_cpu: How many the CPU alone takes. Each has one interpreter's lock, so each is
            one core at most.
        workers_for_requests: How many the requests alone take, by the crew of each.
        worker_cores: Cores that are busy in workers.
        worker_bytes: Memory of all workers.
        webs: `web` processes.
        web_cores: Cores that are busy in them.
        messages_per_s: Celery's, at most: the more come, the more share one.
        round_trips_per_s: To Redis, at most: the more come, the more share one.
        redis_commands_per_s: Those of scripts too.
        redis_bytes_per_s: Network traffic of Redis.
        redis_cores: Cores that are busy in Redis, which has one thread for commands.
        redis_in_flight_bytes: Memory of what is in flight.
        redis_kept_bytes: Memory of finished conversions, which the ledger remembers for a week.
        redis_results_bytes: Memory of Celery's results, which are kept for a day.
        stored_bytes_per_s: Result files.
        stored_bytes: The same, for as long as you keep them.
        limits: How much one of each carries, the least first.
    """

    polls: float
    jobs_at_once: float
    in_flight: float
    requests_per_s: float
    requests_at_once: float
    workers: int
    workers_for_cpu: int
    workers_for_requests: int
    worker_cores: float
    worker_bytes: float
    webs: int
    web_cores: float
    messages_per_s: float
    round_trips_per_s: float
    redis_commands_per_s: float
    redis_bytes_per_s: float
    redis_cores: float
    redis_in_flight_bytes: float
    redis_kept_bytes: float
    redis_results_bytes: float
    stored_bytes_per_s: float
    stored_bytes: float
    limits: tuple[Limit, ...]

    @property
    def redis_bytes(self) -> float:
        """Memory of all that Redis holds."""
        return self.redis_in_flight_bytes + self.redis_kept_bytes + self.redis_results_bytes

    @property
    def first(self) -> Limit:
        """The resource that fills up first and that more processes do not extend."""
        return next(limit for limit in self.limits if limit.shards)

    @property
    def namespaces(self) -> int:
        """How many namespaces the load needs, each on its own Redis."""
        return max(limit.needs for limit in self.limits if limit.name in _OF_REDIS)

    @property
    def accounts(self) -> int | None:
        """How many accounts it takes, None where their limit is not known."""
        return next((limit.needs for limit in self.limits if limit.name == _ACCOUNT), None)


_REDIS_CPU: Final = "the CPU of one Redis"
_REDIS_MEMORY: Final = "the memory of one Redis"
_OF_REDIS: Final = (_REDIS_CPU, _REDIS_MEMORY)
_ANOTHER_NAMESPACE: Final = "another namespace, on a Redis of its own"
_WORKER_CPU: Final = "the CPU of one worker"
_WORKER_REQUESTS: Final = "the crew of one worker"
_WEB_CPU: Final = "the CPU of one `web`"


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
    workers = max(needs[_WORKER_CPU], needs[_WORKER_REQUESTS])
    return Capacity(
        polls=polls.each,
        jobs_at_once=load.rate * polls.duration_s,
        in_flight=load.rate * held_s,
        requests_per_s=load.rate * requests,
        requests_at_once=load.rate * requests * load.answer_s,
        workers=workers,
        workers_for_cpu=needs[_WORKER_CPU],
        workers_for_requests=needs[_WORKER_REQUESTS],
        worker_cores=load.rate * each.worker_cpu_ms / _MS,
        worker_bytes=workers * costs.footprint.worker,
        webs=needs.get(_WEB_CPU, 0),
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
    yield limit(_WORKER_CPU, each.worker_cpu_ms, FULL * _MS, more, shards=False)
    crews, more_threads = _crew_s(load, polls), "more workers, or CONVEYOR_REQUESTS"
    yield limit(_WORKER_REQUESTS, crews, load.requests, more_threads, shards=False)
    if load.webhooks:
        yield limit(_WEB_CPU, each.web_cpu_ms, FULL * _MS, "more `web` processes", shards=False)
    yield limit(_REDIS_CPU, each.redis_cpu_ms, FULL * _MS, _ANOTHER_NAMESPACE, shards=True)
    held = _held_bytes(load, polls, costs)
    yield limit(_REDIS_MEMORY, held, load.redis_bytes, _ANOTHER_NAMESPACE, shards=True)
    if load.account_jobs:
        another = "another account, in a namespace of its own"
        yield limit(
            _ACCOUNT, polls.duration_s + polls.late_s, load.account_jobs, another, shards=True
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
    return load.rate * seconds * load.hours_a_day / _HOURS_A_DAY
