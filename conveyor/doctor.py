"""The checks behind ``conveyor doctor``, as values: what stands, what does not, and the cure.

All parts are checked side by side, and each is bounded in time. Broker, Redis and storage are
checked from here. A worker is asked to check its own storage, and the API, as only workers hold
the credentials: see `conveyor.checkup`.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from typing import Any, Final

from celery import Celery

from conveyor.causes import explain
from conveyor.checks import CHECK_TIMEOUT_S, Check, Part
from conveyor.checkup import INQUIRY_S, WORKER_TIMEOUT_S, ask_worker
from conveyor.errors import BrokerUnavailable, ConveyorError, LedgerUnavailable
from conveyor.ledger import Ledger
from conveyor.producer import Conveyor
from conveyor.redaction import redact_server_url

__all__ = [
    "WORKER_TIMEOUT_S",
    "Check",
    "Part",
    "examine",
    "parts_of",
]

_KEEP_CHECK_MS: Final = 60_000
# Tried twice, it must be told within the time of a part.
_PATIENCE: Final = {"socket_timeout": 3, "socket_connect_timeout": 3}


def examine(conveyor: Conveyor, worker_timeout_s: float = WORKER_TIMEOUT_S) -> list[Check]:
    """Check everything that can be checked from here.

    Args:
        conveyor: The library, with the settings in question.
        worker_timeout_s: How long a worker may take to answer, seconds.

    Returns:
        The checks, in the order in which they build on each other. It takes ten seconds at most,
        or as long as a worker may take and four seconds.
    """
    begun = time.monotonic()
    broker, *others = [*parts_of(conveyor), *further_parts_of(conveyor)]
    outcomes = [(part, part.begin()) for part in others]
    first = broker.check(CHECK_TIMEOUT_S)
    patience_s = max(CHECK_TIMEOUT_S, worker_timeout_s + INQUIRY_S) - (time.monotonic() - begun)
    workers = _of_workers(conveyor, first, min(worker_timeout_s, patience_s - INQUIRY_S))
    left_s = CHECK_TIMEOUT_S - (time.monotonic() - begun)
    here = [part.found(outcome, left_s, CHECK_TIMEOUT_S) for part, outcome in outcomes]
    return [first, *here, *workers]


def parts_of(conveyor: Conveyor) -> Sequence[Part]:
    """What the library stands on: the broker, Redis and the storage."""
    return (
        Part("broker", partial(_reach_broker, conveyor.celery_app)),
        Part("redis", partial(_reach_redis, conveyor)),
        Part("storage", partial(_use_storage, conveyor)),
    )


def further_parts_of(conveyor: Conveyor) -> Sequence[Part]:
    """What must not take a web process out of service, and is worth a look all the same."""
    return (Part("entries", partial(_read_entries, conveyor.ledger)),)


def _of_workers(conveyor: Conveyor, broker: Check, timeout_s: float) -> list[Check]:
    if not broker.ok:
        return [Check("worker", ok=False, detail="Not asked: repair the broker first.")]
    if timeout_s <= 0:
        return [Check("worker", ok=False, detail="Not asked: the broker took all of the time.")]
    return ask_worker(conveyor, timeout_s)


def _reach_broker(app: Celery) -> str:
    address = redact_server_url(str(app.conf.broker_write_url or app.conf.broker_url))
    begun = time.perf_counter()
    try:
        with app.connection_for_write(transport_options=_PATIENCE) as connection:
            connection.ensure_connection(max_retries=1, interval_start=0, timeout=5)
            _use_broker(connection.default_channel)
    except Exception as error:
        raise BrokerUnavailable(
            explain(f"The broker at {address}", error, "CONVEYOR_BROKER_URL")
        ) from error
    return f"{address} answers in {(time.perf_counter() - begun) * 1000:.1f} ms"


def _use_broker(channel: Any) -> None:
    """Write something, where it is a Redis: one that takes no writes lets everybody connect."""
    client = getattr(channel, "client", None)
    if client is not None:
        client.set("{conveyor}:check:broker", "ok", px=_KEEP_CHECK_MS)


def _reach_redis(conveyor: Conveyor) -> str:
    begun = time.perf_counter()
    try:
        conveyor.ledger.check()
    except LedgerUnavailable as error:
        raise LedgerUnavailable(
            explain(f"Redis at {conveyor.redis_address}", error, "CONVEYOR_REDIS_URL")
        ) from error
    return f"a key was written and read in {(time.perf_counter() - begun) * 1000:.1f} ms"


def _read_entries(ledger: Ledger) -> str:
    ledger.look_at_dead()
    unreadable = len(ledger.unreadable())
    if unreadable:
        raise ConveyorError(
            f"{unreadable} in Redis can't be read, and nothing is done for them: "
            "`conveyor dead list` names them"
        )
    return "all that were looked at can be read"


def _use_storage(conveyor: Conveyor) -> str:
    conveyor.storage.check()
    return f"a file was written, read and removed in {redact_server_url(conveyor.storage.url)}"
