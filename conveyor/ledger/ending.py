"""Ends without files: failed, expired, cancelled. And exceptions that nobody expected."""

from __future__ import annotations

from typing import Final, cast

from conveyor.domain.conversion import Failure, FailureKind, Reason
from conveyor.domain.entry import Entry
from conveyor.domain.giving_up import missed_deadline
from conveyor.ledger.change_spec import this_job
from conveyor.ledger.changes import WORK_S, Bells
from conveyor.ledger.connection import Client
from conveyor.ledger.encoding import VERSION
from conveyor.ledger.polling import Polling
from conveyor.ledger.records import dump_failure
from conveyor.ledger.scripts import script
from conveyor.ledger.tenure import Leaving, polls_of, took

__all__ = ["Ending"]

# How long after it was sent a message that brings an outcome may come before another is sent.
_GRACE_S: Final = 10.0


class Ending(Polling):
    """Notes how conversions end without files. What such an end was polled for is learned from.

    Args:
        client: From `conveyor.ledger.connect`.
        bells: Rings for what is due.
    """

    def __init__(self, client: Client, bells: Bells | None = None) -> None:
        super().__init__(client, bells)
        self._late = client.register_script(script("late"))

    def failed(
        self, entry: Entry, failure: Failure, *, cost: int = 0, leaving: Leaving | None = None
    ) -> Entry | None:
        """Note that it ended without files: a dead letter.

        Args:
            entry: As it was when the request began.
            failure: Why it failed.
            cost: What it has cost all the same, in the service's units.
            leaving: The pass of the request that found it out.
        """
        self.expected_durations.end(entry.request)
        return self._bury("failed", entry, failure, cost, leaving)

    def expired(
        self, entry: Entry, failure: Failure, *, leaving: Leaving | None = None
    ) -> Entry | None:
        """Note that the service forgot a job that it had: a dead letter."""
        return self._bury("expired", entry, failure, 0, leaving)

    def stumbled(self, entry: Entry, delay_s: float) -> Entry | None:
        """Count an unexpected exception and make the conversion due again.

        Args:
            entry: The conversion.
            delay_s: Until then, seconds.
        """
        return self._change(
            "stumbled",
            entry.id,
            add={"stumbles": 1},
            makes_room=True,
            due_in=delay_s,
            bell=True,
        )

    def cancelled(self, entry: Entry) -> Entry | None:
        """Note that the caller no longer wants it. Of a race with a result one of both wins."""
        failure = Failure(
            FailureKind.CANCELLED, "Its caller cancelled the conversion.", reason=Reason.CANCELLED
        )
        return self._change(
            "cancelled",
            entry.id,
            set={"failure": dump_failure(failure), "note": ""},
            stamp=["finished_at"],
            add={"turn": 1},
            due_in=_GRACE_S,
            counts={failure.kind.value: 1},
        )

    def too_late(self, entry: Entry) -> Entry | None:
        """Note that it had not begun when its deadline passed. Refused if it has begun by now.

        Args:
            entry: The conversion, queued.
        """
        failure = missed_deadline(entry)
        return self._change(
            "too_late",
            entry.id,
            # What the failure says was paid.
            guards={"lost": entry.lost or ""},
            set={"failure": dump_failure(failure), "note": ""},
            stamp=["finished_at"],
            add={"turn": 1},
            late=True,
            due_in=_GRACE_S,
            counts={failure.kind.value: 1},
        )

    def late(self, limit: int) -> list[Entry]:
        """Conversions that had not begun when their deadline passed, the longest ago first.

        Args:
            limit: At most so many.

        Raises:
            LedgerUnavailable: Redis can't be reached.
        """
        with self._translated():
            ids = self._late(
                keys=[self._keys.deadlines], args=[limit, self._keys.entry_prefix, VERSION]
            )
        return self.find_many(cast("list[str]", ids))

    def _bury(
        self, name: str, entry: Entry, failure: Failure, cost: int, leaving: Leaving | None
    ) -> Entry | None:
        polls = polls_of(leaving)
        fields = {"failure": dump_failure(failure), "note": ""}
        return self._change(
            name,
            entry.id,
            guards=this_job(entry),
            set={**fields, "cost": cost} if cost else fields,
            stamp=["finished_at"],
            add={"turn": 1, "polls": polls},
            due_in=WORK_S,
            dead=True,
            took=took(leaving) if failure.status else None,
            counts={failure.kind.value: 1, "polls": polls, "cost": cost},
            leave=leaving,
        )
