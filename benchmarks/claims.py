"""``python -m benchmarks.claims``: what a claim costs, however many conversions wait.

A claim takes 64 of what is due. It is measured beside 100, 10,000 and 1,000,000 others that wait,
on a Valkey of its own. Those that no claim reaches stand in the index alone, because a claim does
not look at them. Then ten processes claim 20,000 at once.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from conveyor.domain.dialect import Dialect
from conveyor.domain.request import ConversionRequest
from conveyor.ledger import Client, Ledger, Submission, connect
from conveyor.ledger.claimed import Claimed
from conveyor.ledger.claims import Claims
from conveyor.ledger.governor import Governor
from conveyor.ledger.turnstile import Turnstile
from local_stack.valkey import Valkey

WAITING: Final = (100, 10_000, 1_000_000)
LIMIT: Final = 64
ROUNDS: Final = 25
WORKERS: Final = 10
AT_ONCE: Final = 20_000

_ACCOUNT: Final = "account"
_SPACING_S, _LEASE_S, _HOLD_S = 5.0, 15.0, 3600.0
_BATCH: Final = 10_000
# Everything of a fleet is due long before this, or long after.
_LATER: Final = 4e9
_REQUEST: Final = ConversionRequest.build("https://example.com/report.docx", "pdf")


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


@dataclass(frozen=True, slots=True)
class Shared:
    """What workers that claim at once have done.

    Attributes:
        seconds: Until all was claimed.
        claims: How many claims there were, those that found nothing among them.
        of_each: How many conversions each worker has taken.
        twice: How many were taken by more than one.
        missing: How many by none.
    """

    seconds: float
    claims: int
    of_each: list[int]
    twice: int
    missing: int


def main() -> int:
    """Measure, and print two tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.claims", description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="claims that are measured")
    parser.add_argument("--most", type=int, default=WAITING[-1], help="at most so many wait")
    options = parser.parse_args()
    console = Console()
    waiting = [count for count in WAITING if count <= options.most]
    with Valkey() as server:
        console.print(_costs(server.url(), waiting, options.rounds))
        shared = _share(server.url())
    console.print(_shares(shared))
    return 1 if shared.twice or shared.missing else 0


def _costs(url: str, waiting: list[int], rounds: int) -> Table:
    table = Table(title=f"A claim of {LIMIT}: median ms at the server / until it was read")
    table.add_column("")
    for count in waiting:
        table.add_column(f"{count:,} wait", justify="right")
    for scene in SCENES:
        costs = [measure(url, scene, count, rounds) for count in waiting]
        table.add_row(
            scene.name, *(f"{cost.server_ms:.2f} / {cost.round_trip_ms:.2f}" for cost in costs)
        )
    return table


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
            client.sadd(client.keyspace.jobs(_ACCOUNT), "running")
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
    claims = _claims(client, scene.most_jobs)
    take = claims.submits if scene.kind == "submit" else claims.polls
    return lambda: take(LIMIT)


def _claims(client: Client, most_jobs: int = 0) -> Claims:
    governor = Governor(client, _ACCOUNT, _SPACING_S, most_jobs)
    turnstile = Turnstile(client, _SPACING_S, _LEASE_S)
    return Claims(client, Ledger(client), turnstile, governor, _HOLD_S)


def _fill(client: Client, scene: Scene, waiting: int, rounds: int) -> None:
    """Make what claims reach, and write of the rest what they pass."""
    key = client.keyspace.due(scene.kind)
    _write_entries(client, scene.kind, (rounds + 1) * LIMIT)
    start = 1e6 if scene.rest_is_due else _LATER
    for numbers in _batches(waiting):
        client.zadd(key, {f"waiting-{number}": start + number for number in numbers})


def _write_entries(client: Client, kind: str, count: int) -> None:
    """Conversions that are due, each as a real one is written."""
    ledger, keys = Ledger(client), client.keyspace
    entry = ledger.open("model", _REQUEST)
    assert entry is not None
    if kind == "poll":
        job = Submission("0" * 32, "https://v2.convertapi.com", Dialect.PATH, _ACCOUNT)
        begun = ledger.begin_submit(entry, job)
        assert begun is not None
        ledger.started(begun, job.job_id, 0)
    fields: dict[Any, Any] = client.hgetall(keys.conversion("model"))
    for numbers in _batches(count):
        pipeline = client.pipeline(transaction=False)
        for number in numbers:
            pipeline.hset(keys.conversion(f"due-{number}"), mapping=fields)
            pipeline.zadd(keys.due(kind), {f"due-{number}": 1 + number})
        pipeline.execute()
    client.zrem(keys.due(kind), "model")


def _batches(count: int) -> Iterator[range]:
    return (range(start, min(start + _BATCH, count)) for start in range(0, count, _BATCH))


def _share(url: str) -> Shared:
    with closing(connect(url)) as client:
        client.flushall()
        _write_entries(client, "poll", AT_ONCE)
    # Forked, so that all begin at the same moment.
    context = multiprocessing.get_context("fork")
    begin, answers = context.Barrier(WORKERS + 1), context.SimpleQueue()
    workers = [context.Process(target=_work, args=(url, begin, answers)) for _ in range(WORKERS)]
    for worker in workers:
        worker.start()
    begin.wait()
    begun = time.monotonic()
    taken = [answers.get() for _ in workers]
    seconds = time.monotonic() - begun
    for worker in workers:
        worker.join()
    times = Counter(each for claims in taken for claim in claims for each in claim)
    return Shared(
        seconds,
        claims=sum(map(len, taken)),
        of_each=sorted(sum(map(len, claims)) for claims in taken),
        twice=sum(count > 1 for count in times.values()),
        missing=AT_ONCE - len(times),
    )


def _work(url: str, begin: Any, answers: Any) -> None:
    with closing(connect(url)) as client:
        claims = _claims(client)
        claims.overdue()  # it has connected
        begin.wait()
        answers.put(list(_until_nothing(claims)))


def _until_nothing(claims: Claims) -> Iterator[list[str]]:
    while True:
        ids = [passed.entry.id for passed in claims.polls(LIMIT).passes]
        yield ids
        if not ids:
            return


def _shares(shared: Shared) -> Table:
    table = Table(title=f"{WORKERS} processes claim {AT_ONCE:,} at once")
    for name in ("seconds", "claims a second", "taken by each", "empty claims", "twice", "missing"):
        table.add_column(name, justify="right")
    full = -(-AT_ONCE // LIMIT)
    table.add_row(
        f"{shared.seconds:.2f}",
        f"{shared.claims / shared.seconds:.0f}",
        f"{shared.of_each[0]} to {shared.of_each[-1]}",
        str(max(shared.claims - full, 0)),
        str(shared.twice),
        str(shared.missing),
    )
    return table


if __name__ == "__main__":
    sys.exit(main())
