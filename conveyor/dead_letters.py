"""Dead letters: conversions that have ended without files; list, show, replay, purge."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress

from celery import Celery
from kombu.exceptions import OperationalError

from conveyor import wakeups
from conveyor.conversion import Conversion, State
from conveyor.errors import UnknownConversion
from conveyor.ledger import Entry, Ledger
from conveyor.schedule import FILE_LIFE_S
from conveyor.storage import Storage

__all__ = ["DeadLetters"]


class DeadLetters:
    """The dead letters of all producers.

    Args:
        ledger: Where they are kept.
        storage: Where their staged sources lie.
        app: To send the wake-ups of replays.
    """

    def __init__(self, ledger: Ledger, storage: Storage, app: Celery) -> None:
        self._ledger = ledger
        self._storage = storage
        self._app = app

    def list(self, limit: int | None = None) -> Sequence[Conversion]:
        """Dead letters, the oldest first.

        Args:
            limit: At most so many.
        """
        return [entry.conversion for entry in self._entries(limit=limit)]

    def show(self, conversion_id: str) -> Conversion:
        """One dead letter.

        Raises:
            UnknownConversion: There is no such dead letter.
        """
        return self._dead(conversion_id).conversion

    def costs(self, conversion_id: str) -> bool:
        """Whether a replay of this dead letter is paid again.

        A paid result that could not be stored is fetched again without paying, for as long as the
        service keeps it: three hours.

        Raises:
            UnknownConversion: There is no such dead letter.
        """
        return not _is_paid_result(self._dead(conversion_id))

    def replay(self, conversion_id: str) -> Conversion:
        """Try a dead letter again, under the same id, with the caller's callbacks.

        It becomes a new job, which is paid again (see `costs`). Of the caller's canvas a chord is
        left out: it has counted this part as failed and has ended.

        Args:
            conversion_id: The dead letter.

        Returns:
            The conversion, on its way again.

        Raises:
            UnknownConversion: There is no such dead letter.
        """
        dead = self._dead(conversion_id)
        entry = self._ledger.redeliver(dead) if _is_paid_result(dead) else self._ledger.replay(dead)
        if entry is None:
            raise _no_such(conversion_id)
        # Without the message the sweep finds it: the entry is due.
        with suppress(OperationalError):
            wakeups.wake(self._app, entry)
        return entry.conversion

    def purge(self, older_than_s: float) -> int:
        """Forget dead letters, and remove their staged sources.

        Args:
            older_than_s: Only those that ended longer ago, seconds.

        Returns:
            How many.
        """
        entries = self._entries(before=time.time() - older_than_s)
        for entry in entries:
            self._ledger.bury_for_good(entry.id)
            self._storage.remove_staged(source.value for source in entry.request.sources)
        return len(entries)

    def _entries(self, before: float | None = None, limit: int | None = None) -> Sequence[Entry]:
        return self._ledger.find_many(self._ledger.dead_ids(before, limit))

    def _dead(self, conversion_id: str) -> Entry:
        entry = self._ledger.find(conversion_id)
        if entry is None or entry.failure is None:
            raise _no_such(conversion_id)
        return entry


def _is_paid_result(entry: Entry) -> bool:
    """Whether the service still keeps a result that was paid and not stored."""
    age_s = time.time() - (entry.ready_at or 0)
    return entry.state is State.FAILED and entry.result is not None and age_s < FILE_LIFE_S


def _no_such(conversion_id: str) -> UnknownConversion:
    return UnknownConversion(
        f"No dead letter has the id {conversion_id!r}: `conveyor dead list` shows those that exist."
    )
