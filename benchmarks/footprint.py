"""What Redis holds of a conversion, measured on real ones that the ledger writes."""

from __future__ import annotations

from contextlib import closing
from typing import Final
from uuid import uuid4

import redis
from celery import Celery
from celery.states import SUCCESS

from conveyor.domain.answers import RemoteFile, Result
from conveyor.domain.conversion import StoredFile
from conveyor.domain.dialect import Dialect
from conveyor.domain.request import ConversionRequest
from conveyor.ledger import Entry, Ledger, Submission, connect

__all__ = ["footprint_in_redis"]

_ENTRIES: Final = 2000
_WARM_UP: Final = 50


def footprint_in_redis(url: str, count: int = _ENTRIES) -> dict[str, float]:
    """What Redis holds of a conversion, measured on real ones that the ledger writes.

    Args:
        url: An empty server.
        count: How many are written.

    Returns:
        Bytes, by the names of `conveyor.planning.unit_costs.Footprint`.
    """
    with closing(connect(url)) as client, closing(Celery(backend=url, broker=url)) as app:
        ledger, ids = Ledger(client), [str(uuid4()) for _ in range(count)]
        for number in range(_WARM_UP):  # scripts, indexes and counts are there from then on
            _ended(ledger, _begun(ledger, f"warm-up-{number}"))
        empty = _used(client)
        entries = [_begun(ledger, conversion_id) for conversion_id in ids]
        in_flight = _used(client)
        done = [_ended(ledger, entry) for entry in entries]
        ended = _used(client)
        for entry in done:
            app.backend.store_result(entry.id, entry.conversion.to_dict(), SUCCESS)
        results = _used(client)
    return {
        "in_flight": round((in_flight - empty) / count),
        "kept": round((ended - empty) / count),
        "result": round((results - ended) / count),
    }


def _used(client: redis.Redis) -> int:
    return int(client.info("memory")["used_memory"])


def _begun(ledger: Ledger, conversion_id: str) -> Entry | None:
    request = ConversionRequest.build(f"https://example.com/{conversion_id}.docx", "pdf")
    entry = ledger.open(conversion_id, request)
    assert entry is not None
    job = Submission(uuid4().hex, "https://eu-v2.convertapi.com", Dialect.PATH, "account")
    begun = ledger.begin_submit(entry, job)
    assert begun is not None
    return ledger.started(begun, job.job_id, 60.0)


def _ended(ledger: Ledger, entry: Entry | None) -> Entry:
    assert entry is not None
    url = f"https://eu-v2.convertapi.com/d/{uuid4().hex}"
    name = f"{entry.id}.pdf"
    ready = ledger.ready(entry, Result(1, (RemoteFile(name, url, 100_000),)))
    assert ready is not None
    file = StoredFile(name, f"s3://bucket/conversions/{entry.id}/{name}", 100_000, "0" * 64)
    done = ledger.succeeded(ready, [file])
    assert done is not None
    ledger.delivered(done.id, is_dead=False, request=done.request)
    return done
