"""A conversion that has no job yet, or perhaps none: it is submitted again, or asked for first."""

from __future__ import annotations

from typing import Any

from conveyor.domain.conversion import Failure
from conveyor.domain.entry import Entry
from conveyor.ledger.changes import Changes
from conveyor.ledger.fields import OF_THE_POST, OF_THE_UPLOADS
from conveyor.ledger.left_behind import uploads_of
from conveyor.ledger.records import dump_failure
from conveyor.ledger.tenure import Leaving, polls_of, spacing_of

__all__ = ["Resubmitting"]


class Resubmitting(Changes):
    """Notes why no job was started, and what is done about it (invariant I1)."""

    def submit_later(
        self,
        entry: Entry,
        delay_s: float,
        note: str,
        *,
        held: bool = False,
        first: bool = False,
        denied: bool = False,
        leaving: Leaving | None = None,
    ) -> Entry | None:
        """Try to submit again later; nothing was sent.

        Args:
            entry: The conversion.
            delay_s: Until then, seconds.
            note: What holds it up, in words.
            held: Whether the deadline is suspended meanwhile.
            first: Whether it is due at once, before all that were accepted later; the account is on
                hold, and that keeps it waiting.
            denied: Whether the service refused it although it had said that the account is well.
            leaving: The pass that it was taken with.
        """
        return self._change(
            "submit_later",
            entry.id,
            guards={"turn": entry.turn},
            set={"note": note},
            add={"turn": 1, "consecutive_failures": 1, "denials": int(denied)},
            due_in=delay_s,
            bell=True,
            leave=leaving,
            **_held(held=held, first=first),
        )

    def ask_first(
        self,
        entry: Entry,
        delay_s: float,
        note: str,
        *,
        closed_at_once: bool = False,
        refusal: Failure | None = None,
        leaving: Leaving | None = None,
    ) -> Entry | None:
        """Note that the job may have been taken, and paid: it is asked for before any other POST.

        Args:
            entry: As it was when the POST began.
            delay_s: Until it is asked for, seconds.
            note: Why, in words.
            closed_at_once: Whether the connection closed at once: then no gateway holds the POST.
            refusal: How the service refused it, where it did: what the conversion ends with if no
                job turns up.
            leaving: The POST's pass.
        """
        fields = {"note": note, "unclear": "closed" if closed_at_once else "gateway"}
        if refusal is not None:
            fields["refusal"] = dump_failure(refusal)
        return self._change(
            "ask_first",
            entry.id,
            guards={"turn": entry.turn, "attempt": entry.attempt},
            set=fields,
            stamp=["unclear_at"],
            due_in=delay_s,
            # The service has the job, and has ended it.
            due_received_in=spacing_of(leaving),
            bell=True,
            leave=leaving,
        )

    def put_back(
        self,
        entry: Entry,
        delay_s: float,
        note: str,
        *,
        lost: bool = False,
        held: bool = False,
        denied: bool = False,
        pays_anew: bool = False,
        reupload: bool = False,
        leaving: Leaving | None = None,
    ) -> Entry | None:
        """Note that nothing was started.

        Args:
            entry: As it was when the request began.
            delay_s: Until the next submit, seconds.
            note: What holds it up, in words.
            lost: Whether the POST went out and was proved lost: 404s on a job never seen alive.
                Only these count as submits; a throttle or a missing connection starts nothing.
            held: Whether the account is on hold.
            denied: Whether the service refused it although it had said that the account is well.
            pays_anew: Whether the next submit is a new job, which is paid again: a replay that has
                asked for the old one.
            reupload: Whether its files are to be uploaded again, for a new job: the service has
                lost them, so the old one never began, and cost nothing.
            leaving: The pass of the request that found it out.
        """
        polls = polls_of(leaving)
        fields: dict[str, Any] = {"note": note}
        add = {"turn": 1, "consecutive_failures": 1, "polls": polls, "denials": int(denied)}
        unset = list(OF_THE_POST)
        guards = {"turn": entry.turn, "attempt": entry.attempt}
        if lost:
            add["lost"] = 1
        elif pays_anew:
            unset.append("submits")
        else:
            add["submits"] = -1
        if pays_anew or reupload:
            add["attempt"] = 1
            unset += ["asking", "job_id", "lost"]
        if reupload:
            fields |= {"reuploaded": 1, "confirmed": 0, "consecutive_failures": 0}
            unset += OF_THE_UPLOADS
        else:
            guards["confirmed"] = 0
        return self._change(
            "put_back",
            entry.id,
            guards=guards,
            set=fields,
            add=add,
            unset=unset,
            counts={"polls": polls},
            leave=leaving,
            # Of several uploads one was lost, perhaps.
            leftovers=[leftover.row for leftover in uploads_of(entry)] if reupload else None,
            due_in=delay_s,
            bell=True,
            **_held(held=held, first=held),
        )


def _held(*, held: bool, first: bool) -> dict[str, Any]:
    """Suspend the deadline on hold: it counts anew from the end of the hold."""
    due = {"due_first": True} if first else {}
    if held:
        return {"also": {"held": 1}, "stamp": ["since"], "first": ["held_at"], **due}
    return {"also": {"held": 0}, **due}
