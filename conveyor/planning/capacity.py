"""A load, and what it needs: workers, Redis, the account, the storage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = [
    "ACCOUNT",
    "FULL",
    "HOURS_A_DAY",
    "REDIS_CPU",
    "REDIS_MEMORY",
    "WEB_CPU",
    "WORKER_CPU",
    "WORKER_REQUESTS",
    "Capacity",
    "Limit",
    "Load",
]

FULL: Final = 0.7
"""So much of a core is used when it counts as full: what comes in bursts finds room."""

HOURS_A_DAY: Final = 24
# What carries a load, each with the name under which `Capacity.limits` has it.
ACCOUNT: Final = "one account"
REDIS_CPU: Final = "the CPU of one Redis"
REDIS_MEMORY: Final = "the memory of one Redis"
_OF_REDIS: Final = (REDIS_CPU, REDIS_MEMORY)
WORKER_CPU: Final = "the CPU of one worker"
WORKER_REQUESTS: Final = "the crew of one worker"
WEB_CPU: Final = "the CPU of one `web`"


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
    hours_a_day: float = HOURS_A_DAY
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
        return next((limit.needs for limit in self.limits if limit.name == ACCOUNT), None)
