"""Conversions that are due, as real ones are written, and who claims them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from conveyor.domain.dialect import Dialect
from conveyor.domain.request import ConversionRequest
from conveyor.ledger import Client, Ledger, Submission
from conveyor.ledger.claims import Claims
from conveyor.ledger.governor import Governor
from conveyor.ledger.turnstile import Turnstile

__all__ = ["ACCOUNT", "LIMIT", "batches", "claims_of", "write_entries"]

ACCOUNT: Final = "account"
LIMIT: Final = 64
"""A claim takes at most so many."""

_SPACING_S, _LEASE_S, _HOLD_S = 5.0, 15.0, 3600.0
_BATCH: Final = 10_000
_REQUEST: Final = ConversionRequest.build("https://example.com/report.docx", "pdf")


def claims_of(client: Client, most_jobs: int = 0) -> Claims:
    """What claims as a worker does.

    Args:
        client: The server's.
        most_jobs: The account's limit of jobs, 0 for none.
    """
    governor = Governor(client, ACCOUNT, _SPACING_S, most_jobs)
    turnstile = Turnstile(client, _SPACING_S, _LEASE_S)
    return Claims(client, Ledger(client), turnstile, governor, _HOLD_S)


def write_entries(client: Client, kind: str, count: int) -> None:
    """Write conversions that are due, each as the ledger writes a real one.

    Args:
        client: The server's.
        kind: What is due, ``poll`` or ``submit``.
        count: How many.
    """
    ledger, keys = Ledger(client), client.keyspace
    entry = ledger.open("model", _REQUEST)
    assert entry is not None
    if kind == "poll":
        job = Submission("0" * 32, "https://v2.convertapi.com", Dialect.PATH, ACCOUNT)
        begun = ledger.begin_submit(entry, job)
        assert begun is not None
        ledger.started(begun, job.job_id, 0)
    fields: dict[Any, Any] = client.hgetall(keys.conversion("model"))
    for numbers in batches(count):
        pipeline = client.pipeline(transaction=False)
        for number in numbers:
            pipeline.hset(keys.conversion(f"due-{number}"), mapping=fields)
            pipeline.zadd(keys.due(kind), {f"due-{number}": 1 + number})
        pipeline.execute()
    client.zrem(keys.due(kind), "model")


def batches(count: int) -> Iterator[range]:
    """Numbers from 0, in batches that a pipeline can take.

    Args:
        count: How many.
    """
    return (range(start, min(start + _BATCH, count)) for start in range(0, count, _BATCH))
