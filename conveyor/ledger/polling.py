"""What polls and webhooks bring: not yet, or the result."""

from __future__ import annotations

from typing import Any, cast

from conveyor.domain.answers import Result
from conveyor.domain.entry import Entry
from conveyor.ledger.change_spec import bell_of, this_job
from conveyor.ledger.changes import WORK_S, Bells, Changes
from conveyor.ledger.connection import Client
from conveyor.ledger.encoding import VERSION
from conveyor.ledger.expected_durations import ExpectedDurations
from conveyor.ledger.records import dump_result
from conveyor.ledger.scripts import script
from conveyor.ledger.tenure import Leaving, Tenure, polls_of, spacing_of, took

__all__ = ["Polling"]


class Polling(Changes):
    """Notes answers about a job, and learns from them how long conversions take.

    Args:
        client: From `conveyor.ledger.connect`.
        bells: Rings for what is due.

    Attributes:
        expected_durations: How long conversions take.
    """

    def __init__(self, client: Client, bells: Bells | None = None) -> None:
        super().__init__(client, bells)
        self.expected_durations = ExpectedDurations(client)
        self._job_ended = client.register_script(script("job_ended"))

    def poll_later(
        self,
        entry: Entry,
        delay_s: float,
        *,
        confirmed: bool,
        failed: bool,
        missing: bool = False,
        note: str = "",
        leaving: Leaving | None = None,
    ) -> Entry | None:
        """Note a poll that brought no end.

        Args:
            entry: As it was when the poll began.
            delay_s: Until the next poll, seconds.
            confirmed: Whether the answer shows that the service has the job.
            failed: Whether the answer said nothing of the job.
            missing: Whether the service does not know the job, which proves nothing yet.
            note: What holds it up, in words.
            leaving: The poll's pass. Where the webhook has called meanwhile
                (`Entry.webhook_received`), the next poll comes as soon as the pass allows.
        """
        # Only a job that the service has is left to its call: of another that may have been lost.
        has_the_job = (confirmed or entry.confirmed) and not (failed or missing)
        fields: dict[str, Any] = {"note": note}
        if confirmed:
            fields["confirmed"] = 1
        if not failed:
            fields["consecutive_failures"] = 0
        changed = self._change(
            "poll_later",
            entry.id,
            guards={"turn": entry.turn, "attempt": entry.attempt},
            set=fields,
            stamp=["unready_at"] if confirmed else None,
            add={
                "turn": 1,
                "polls": 1,
                "consecutive_failures": int(failed),
                "missing": int(missing),
            },
            first=["missing_at"] if missing else None,
            unset=("missing", "missing_at") if confirmed else None,
            counts={"polls": 1},
            due_in=delay_s,
            due_received_in=spacing_of(leaving),
            bell=bell_of(entry) if has_the_job else True,
            leave=leaving,
        )
        if changed is not None and confirmed and not entry.consecutive_failures:
            self.expected_durations.learn(
                entry.request, changed.job_age_s, entry.unready_s, ended=False
            )
        return changed

    def ready(
        self,
        entry: Entry,
        result: Result,
        *,
        leaving: Leaving | None = None,
        taking: Tenure | None = None,
    ) -> Entry | None:
        """Note the result before anything else is done with it: it has been paid.

        Args:
            entry: As it was when the request began.
            result: What the service says.
            leaving: The pass of the request that brought it.
            taking: `conveyor.ledger.delivery_lease.DeliveryLeases.taking`, where it is delivered at
                once.
        """
        polls = polls_of(leaving)
        changed = self._change(
            "ready",
            entry.id,
            guards=this_job(entry),
            set={"result": dump_result(result), "cost": result.cost, "confirmed": 1, "note": ""},
            stamp=["ready_at"],
            took=took(leaving),
            add={"turn": 1, "polls": polls, "deliveries": int(taking is not None)},
            unset=("held_at", "denials"),
            counts={"polls": polls, "cost": result.cost},
            due_in=WORK_S,
            leave=leaving,
            take=taking,
        )
        if changed is not None:
            self.expected_durations.end(changed.request)
        # What was seen late, after polls without an answer, tells nothing of the service's speed.
        if (
            changed is not None
            and changed.submitted_at is not None
            and not changed.consecutive_failures
        ):
            self.expected_durations.learn(
                *(changed.request, changed.job_age_s, entry.unready_s),
                exact=entry.webhook_received or not polls,
            )
        return changed

    def job_ended(self, conversion_id: str, job_id: str) -> None:
        """Note the webhook's call: a hint (invariant I6), which is remembered until the next poll.

        A call for a conversion that is unknown, over or not posted yet, one for another job, and a
        repeated one change nothing. While a request for the job is in flight, the call is noted
        alone: whoever notes the answer looks again.

        Args:
            conversion_id: The conversion's id.
            job_id: As the call names it; empty where it names none, which is a hint all the same.
        """
        keys = [
            self._keys.conversion(conversion_id),
            self._keys.turnstile(conversion_id),
            self._keys.due("poll"),
        ]
        with self._translated():
            wait_s, now = cast(
                "tuple[str, str]",
                self._together.run(
                    self._job_ended, keys, [conversion_id, job_id, self._keys.prefix, VERSION]
                ),
            )
        self.ring("poll", wait_s, now, must=True)
