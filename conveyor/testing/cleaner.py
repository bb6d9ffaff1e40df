"""Stands for what workers repeat beside their tasks: files whose life is over, what was deleted."""

from __future__ import annotations

import math
from contextlib import suppress
from typing import Any, Final, cast

from conveyor.deleting import erase
from conveyor.domain.conversion import State
from conveyor.testing.services import FakeServices
from conveyor.testing.worker import FakeWorker

__all__ = ["FakeCleaner"]

_BATCH: Final = 1000
_LEASE_S: Final = 60.0


class FakeCleaner:
    """Removes what nobody shall have any more.

    Args:
        services: What the fake works with.
        worker: Knows where results are kept.
    """

    def __init__(self, services: FakeServices, worker: FakeWorker) -> None:
        self._services = services
        self._ledger = services.ledger
        self._worker = worker

    def next_at(self) -> float:
        """When there is something to remove next, seconds since the epoch; never: infinity."""
        client = self._services.client
        keys = (client.keyspace.expiring, client.keyspace.erasing)
        found = [cast("list[Any]", client.zrange(key, 0, 0, withscores=True)) for key in keys]
        return min((float(score) for first in found for _id, score in first), default=math.inf)

    def clean(self) -> None:
        """Remove what is due by now."""
        self._forget_service()
        for conversion_id in self._ledger.expiries.claim(_BATCH, _LEASE_S):
            self._expire(conversion_id)
        for conversion_id in self._ledger.erasures.claim(_BATCH, _LEASE_S):
            self._erase(conversion_id)

    def _expire(self, conversion_id: str) -> None:
        entry = self._ledger.find(conversion_id)
        if entry is None:
            self._services.storage.remove_results(conversion_id)
        elif entry.state is State.SUCCEEDED and entry.files_until is not None:
            self._services.storage.remove_files(conversion_id, [it.name for it in entry.files])
            self._ledger.files_removed(entry)
        self._ledger.expiries.done(conversion_id)

    def _erase(self, conversion_id: str) -> None:
        entry = self._ledger.find(conversion_id)
        if entry is not None:
            erase(self._ledger, entry)
            self._forget_service()
        self._services.storage.remove_results(conversion_id)
        for token in self._ledger.staged_of(conversion_id):
            self._services.storage.remove_folder(token)
        with suppress(NotImplementedError):
            self._worker.backend.forget(conversion_id)
        self._ledger.erased(conversion_id)

    def _forget_service(self) -> None:
        """The fake's service keeps nothing, so nothing is left there."""
        keys = self._services.client.keyspace
        self._services.client.delete(keys.leftovers, keys.leftover_records)
