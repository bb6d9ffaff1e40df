"""The checks behind ``conveyor doctor``, as values: what works, what does not, and the cure.

All parts are checked side by side, and each is bounded in time. Broker, Redis and storage are
checked from here. A worker is asked to check its own storage, and the API, as only workers hold
the credentials: see `conveyor.checkup`.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from functools import partial

from conveyor.diagnosis.broker import address_of_broker, broker_channel
from conveyor.diagnosis.checks import CHECK_TIMEOUT_S, Check, Finding, Part
from conveyor.diagnosis.checkup import WORKER_TIMEOUT_S, ask_worker
from conveyor.diagnosis.silence import INQUIRY_S
from conveyor.diagnosis.standing import fatal_of, finding_of, look
from conveyor.domain.redaction import redact_server_url
from conveyor.errors import ConveyorError, LedgerUnavailable, SettingsError, StorageError
from conveyor.ledger import Ledger
from conveyor.ledger.causes import explain
from conveyor.ledger.keys import KEEP_CHECK_S, Keys
from conveyor.producer import Conveyor

__all__ = [
    "WORKER_TIMEOUT_S",
    "Check",
    "Part",
    "examine",
    "parts_of",
]


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
    deadline = begun + CHECK_TIMEOUT_S
    here = [
        part.found(outcome, deadline - time.monotonic(), CHECK_TIMEOUT_S)
        for part, outcome in outcomes
    ]
    return [first, *here, *workers]


def parts_of(conveyor: Conveyor) -> Sequence[Part]:
    """The checks of the parts that the library needs: broker, Redis and storage."""
    return (
        Part("broker", partial(_reach_broker, conveyor)),
        Part("redis", partial(_reach_redis, conveyor)),
        Part("storage", partial(_use_storage, conveyor)),
    )


def further_parts_of(conveyor: Conveyor) -> Sequence[Part]:
    """Further checks, which must not take a web process out of service."""
    return (
        Part("settings", partial(_look_at_settings, conveyor)),
        Part("entries", partial(_read_entries, conveyor.ledger)),
        Part("neighbours", lambda: str(conveyor.neighbours())),
        Part("storages", partial(_look_for_strangers, conveyor)),
    )


def _of_workers(conveyor: Conveyor, broker: Check, timeout_s: float) -> list[Check]:
    if not broker.ok:
        return [Check("worker", ok=False, detail="Not checked. Repair the broker first.")]
    if timeout_s <= 0:
        return [
            Check(
                "worker", ok=False, detail="Not checked, because the broker took all of the time."
            )
        ]
    return ask_worker(conveyor, timeout_s)


def _reach_broker(conveyor: Conveyor) -> str:
    begun = time.perf_counter()
    with broker_channel(conveyor.celery_app) as channel:
        client = getattr(channel, "client", None)
        if client is not None:
            # A Redis that takes no writes lets everybody connect all the same.
            client.set(Keys(conveyor.publisher.queues.namespace).check, "ok", ex=KEEP_CHECK_S)
    address = address_of_broker(conveyor.celery_app)
    return f"{address} answers in {(time.perf_counter() - begun) * 1000:.1f} ms"


def _reach_redis(conveyor: Conveyor) -> str:
    begun = time.perf_counter()
    try:
        conveyor.ledger.check()
    except LedgerUnavailable as error:
        raise LedgerUnavailable(
            explain(f"Redis at {conveyor.redis_address}", error, "CONVEYOR_REDIS_URL")
        ) from error
    return f"a key was written and read in {(time.perf_counter() - begun) * 1000:.1f} ms"


def _look_at_settings(conveyor: Conveyor) -> Finding:
    servers = look(conveyor.ledger, conveyor.celery_app)
    fatal = fatal_of(servers)
    if fatal is not None:
        raise SettingsError(fatal)
    return finding_of(servers)


def _read_entries(ledger: Ledger) -> Finding:
    ledger.look_at_dead()
    unreadable, lost = len(ledger.unreadable()), len(ledger.audit.lost())
    newer = ledger.audit.newer()
    told = []
    if lost:
        told.append(
            f"{lost} are lost: they were evicted or deleted in Redis. `conveyor dead list` lists "
            "them"
        )
    if newer:
        told.append(
            f"{len(newer)} were written by a later release of Conveyor. Its workers will process "
            "them"
        )
    if unreadable:
        told.insert(
            0,
            f"{unreadable} in Redis can't be read, and no worker processes them: `conveyor dead "
            "list` lists them",
        )
        raise ConveyorError("; ".join(told))
    return Finding("; ".join(told) or "all checked entries can be read", warning=bool(told))


def _use_storage(conveyor: Conveyor) -> str:
    conveyor.storage.check()
    with suppress(LedgerUnavailable):  # told by a check of its own
        conveyor.marker.check(anew=True)
    return f"a file was written, read and removed in {redact_server_url(conveyor.storage.location)}"


def _look_for_strangers(conveyor: Conveyor) -> str:
    strangers = conveyor.marker.mark.strangers()
    if strangers:
        raise StorageError(
            "These workers (host:process) use another storage and have stopped their work: "
            f"{', '.join(strangers)}. Give them the same CONVEYOR_STORAGE_URL. Their logs say "
            "what they found."
        )
    return "all workers have this storage"
