"""Ends without files: failed, expired, cancelled. And exceptions that nobody expected."""

from __future__ import annotations

from typing import Final

from conveyor.domain.conversion import Failure, FailureKind, Reason
from conveyor.domain.entry import Entry
from conveyor.ledger.change_spec import this_job
from conveyor.ledger.changes import WORK_S
from conveyor.ledger.polling import Polling
from conveyor.ledger.records import dump_failure
from conveyor.ledger.tenure import Leaving, polls_of, took

__all__ = ["Ending"]

# How long after it was sent a message that brings an outcome may come before another is sent.
_GRACE_S: Final = 10.0


class Ending(Polling):
    """Notes how conversions end without files. What such an end was polled for is learned from."""

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
