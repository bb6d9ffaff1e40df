"""What a claim costs beside so many conversions that wait, in scenes.

Those that no claim reaches stand in the index alone, because a claim does not look at them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

from benchmarks.due import ACCOUNT, LIMIT, batches, claims_of, write_entries
from conveyor.ledger import Client, connect
from conveyor.ledger.claimed import Claimed

__all__ = ["ROUNDS", "SCENES", "WAITING", "Cost", "Scene", "measure"]

WAITING: Final = (100, 10_000, 1_000_000)
ROUNDS: Final = 25

# Everything of a fleet is due long before this, or long after.
_LATER: Final = 4e9


@dataclass(frozen=True, slots=True)
class Scene:
    """Where claims are measured.

    Attributes:
        name: What the table calls it.
        kind: Of what is claimed.
        most_jobs: The account's limit of jobs, 0 for none.
        rest_is_due: Whether those that wait are due, behind those that are claimed.
        takes: How many one claim is to take.
    """

    name: str
    kind: str
    most_jobs: int = 0
    rest_is_due: bool = True
    takes: int = LIMIT


SCENES: Final = (
    Scene("polls, the rest due later", "poll", rest_is_due=False),
    Scene("polls, all due", "poll"),
    Scene("submits, all due", "submit"),
    Scene("submits, no place free", "submit", most_jobs=1, takes=0),
)


@dataclass(frozen=True, slots=True)
class Cost:
    """What claims of one scene cost, beside so many that wait.

    Attributes:
        server_ms: Of the server's time, a claim.
        round_trip_ms: Until the caller has what it took, read and checked, a claim.
    """

    server_ms: float
    round_trip_ms: float


def measure(url: str, scene: Scene, waiting: int, rounds: int = ROUNDS) -> Cost:
    """Measure claims of one scene.

    Args:
        url: A server, which is emptied.
        scene: What is claimed.
        waiting: Beside so many others.
        rounds: The median of so many.
    """
    with closing(connect(url)) as client:
        client.flushall()
        claim = _claim_of(client, scene)
        _fill(client, scene, waiting, rounds)
        if scene.most_jobs:
            client.hset(client.keyspace.conversion("running"), "state", "converting")
            client.sadd(client.keyspace.jobs(ACCOUNT), "running")
        claim()  # the server learns the script
        costs = [_one(client, claim, scene) for _ in range(rounds)]
    return Cost(
        median(cost.server_ms for cost in costs), median(cost.round_trip_ms for cost in costs)
    )


def _one(client: Client, claim: Callable[[], Claimed], scene: Scene) -> Cost:
    client.config_resetstat()
    begun = time.perf_counter()
    taken = claim()
    round_trip_ms = (time.perf_counter() - begun) * 1000
    if len(taken.passes) != scene.takes:
        raise RuntimeError(f"a claim took {len(taken.passes)} and not {scene.takes}")
    stats: dict[str, Any] = client.info("commandstats")
    return Cost(stats["cmdstat_evalsha"]["usec"] / 1000, round_trip_ms)


def _claim_of(client: Client, scene: Scene) -> Callable[[], Claimed]:
    claims = claims_of(client, scene.most_jobs)
    take = claims.submits if scene.kind == "submit" else claims.polls
    return lambda: take(LIMIT)


def _fill(client: Client, scene: Scene, waiting: int, rounds: int) -> None:
    """Make what claims reach, and write of the rest what they pass."""
    key = client.keyspace.due(scene.kind)
    write_entries(client, scene.kind, (rounds + 1) * LIMIT)
    start = 1e6 if scene.rest_is_due else _LATER
    for numbers in batches(waiting):
        client.zadd(key, {f"waiting-{number}": start + number for number in numbers})
