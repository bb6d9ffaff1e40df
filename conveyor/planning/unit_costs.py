"""What one conversion costs, as it was measured: what `conveyor.planning.reckoning` reckons with.

The numbers stand in ``unit_costs.json`` beside this module. ``python -m benchmarks.units`` writes
that file from the last figures of ``make bench``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, astuple, dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, Self

__all__ = ["FILE", "ClaimCost", "Cost", "Footprint", "Measured", "UnitCosts", "unit_costs"]

FILE: Final = Path(__file__).with_name("unit_costs.json")


@dataclass(frozen=True, slots=True)
class Cost:
    """What one thing costs the fleet. Costs add up.

    Attributes:
        worker_cpu_ms: CPU of the workers.
        web_cpu_ms: CPU of the `web` processes.
        redis_cpu_ms: CPU of Redis.
        messages: Celery messages.
        round_trips: How often workers and `web` talk to Redis.
        redis_commands: Commands in Redis, those of scripts too.
        redis_kb: Between Redis and the fleet, KB.
    """

    worker_cpu_ms: float = 0.0
    web_cpu_ms: float = 0.0
    redis_cpu_ms: float = 0.0
    messages: float = 0.0
    round_trips: float = 0.0
    redis_commands: float = 0.0
    redis_kb: float = 0.0

    def __add__(self, other: Cost) -> Cost:
        return Cost(*(one + two for one, two in zip(astuple(self), astuple(other), strict=True)))

    def __mul__(self, times: float) -> Cost:
        return Cost(*(value * times for value in astuple(self)))


@dataclass(frozen=True, slots=True)
class Measured:
    """What a whole conversion cost under one load.

    Attributes:
        load: The load's name.
        polls: How many each conversion took.
        cost: The conversion's, those polls included.
    """

    load: str
    polls: float
    cost: Cost

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Self:
        """From JSON."""
        return cls(plain["load"], plain["polls"], Cost(**plain["cost"]))


@dataclass(frozen=True, slots=True)
class Footprint:
    """Memory use, in bytes.

    Attributes:
        in_flight: In Redis, of a conversion that the service works on.
        kept: In Redis, of a conversion whose caller has its result.
        result: In Redis, of what Celery's result backend keeps.
        worker: Of one worker process, shared pages included.
    """

    in_flight: float
    kept: float
    result: float
    worker: float


@dataclass(frozen=True, slots=True)
class ClaimCost:
    """What a claim of 64 conversions costs where many wait.

    Attributes:
        waiting: So many.
        server_ms: Of Redis' time.
        round_trip_ms: Until a worker has read what it took.
    """

    waiting: int
    server_ms: float
    round_trip_ms: float


@dataclass(frozen=True, slots=True)
class UnitCosts:
    """All that was measured, and where.

    Attributes:
        at: The day.
        machine: On what, in words.
        others_busy: The share of that machine that other programs used meanwhile.
        command: What measured it.
        polled: A conversion that is polled.
        webhooks: A conversion that the service calls for.
        poll: One more poll.
        message: One more Celery message.
        footprint: Memory.
        claims: What a claim costs, by how many wait.
    """

    at: str
    machine: str
    others_busy: float
    command: str
    polled: Measured
    webhooks: Measured
    poll: Cost
    message: Cost
    footprint: Footprint
    claims: tuple[ClaimCost, ...] = ()

    def to_json(self) -> str:
        """Return the JSON that the file holds."""
        return json.dumps(asdict(self), indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read the costs from what `to_json` returned.

        Args:
            text: The file's content.
        """
        plain = json.loads(text)
        return cls(
            **{name: plain[name] for name in ("at", "machine", "others_busy", "command")},
            polled=Measured.from_dict(plain["polled"]),
            webhooks=Measured.from_dict(plain["webhooks"]),
            poll=Cost(**plain["poll"]),
            message=Cost(**plain["message"]),
            footprint=Footprint(**plain["footprint"]),
            claims=tuple(ClaimCost(**claim) for claim in plain["claims"]),
        )


@cache
def unit_costs() -> UnitCosts:
    """Those that came with this release."""
    return UnitCosts.from_json(FILE.read_text(encoding="utf-8"))
