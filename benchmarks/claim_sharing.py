"""Processes that claim what is due, all at once: each conversion must be taken by one alone."""

from __future__ import annotations

import multiprocessing
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Final

from benchmarks.due import LIMIT, claims_of, write_entries
from conveyor.ledger import connect
from conveyor.ledger.claims import Claims

__all__ = ["AT_ONCE", "WORKERS", "Shared", "share"]

WORKERS: Final = 10
AT_ONCE: Final = 20_000


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


def share(url: str) -> Shared:
    """Let processes claim, and see who took what.

    Args:
        url: A server, which is emptied.
    """
    with closing(connect(url)) as client:
        client.flushall()
        write_entries(client, "poll", AT_ONCE)
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
        claims = claims_of(client)
        claims.overdue()  # it has connected
        begin.wait()
        answers.put(list(_until_nothing(claims)))


def _until_nothing(claims: Claims) -> Iterator[list[str]]:
    while True:
        ids = [passed.entry.id for passed in claims.polls(LIMIT).passes]
        yield ids
        if not ids:
            return
