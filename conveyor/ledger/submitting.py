"""From an accepted conversion to a job at the service: the POST's intent, and its answer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from conveyor.domain.dialect import Dialect
from conveyor.domain.durations import Expectation
from conveyor.domain.entry import Entry
from conveyor.ledger.change_spec import bell_of
from conveyor.ledger.changes import WORK_S, Changes
from conveyor.ledger.fields import OF_THE_POST
from conveyor.ledger.left_behind import uploads_of
from conveyor.ledger.tenure import Leaving, Tenure, spacing_of

__all__ = ["Submission", "Submitting"]


@dataclass(frozen=True, slots=True)
class Submission:
    """What is about to be posted.

    Attributes:
        job_id: Ours, in the dialect's form.
        base_url: The host.
        dialect: The dialect.
        account: The account's name.
        foreign_ids: Whether its service was seen to answer with job ids of its own.
        webhook: Whether the service is asked to call when the job ends.
    """

    job_id: str
    base_url: str
    dialect: Dialect
    account: str = ""
    foreign_ids: bool = False
    webhook: bool = False


class Submitting(Changes):
    """Notes what happens around the paid POST (invariant I1)."""

    def uploaded(
        self,
        entry: Entry,
        uploads: Mapping[str, str],
        *,
        host: str,
        account: str,
        anew: bool = True,
    ) -> Entry | None:
        """Note which attachments the service has.

        Args:
            entry: The conversion.
            uploads: Their FileIds by key, those of earlier uploads among them.
            host: The base URL of the host that has them; no other does.
            account: The name of the account that they were uploaded for.
            anew: Whether all are new: those before are of no use any more, and are deleted.
                Otherwise the oldest of them tells their age.
        """
        return self._change(
            "uploaded",
            entry.id,
            set={
                "uploads": json.dumps(dict(uploads)),
                "uploads_host": host,
                "uploads_account": account,
            },
            stamp=["uploaded_at"] if anew else None,
            leftovers=[leftover.row for leftover in uploads_of(entry)] if anew else None,
            due_in=WORK_S,
        )

    def begin_submit(
        self,
        entry: Entry,
        job: Submission,
        entering: Tenure | None = None,
        *,
        was_lost: bool = False,
    ) -> Entry | None:
        """Record the intent to submit, with our job id, before the paid POST (invariant I1).

        Also refused if another worker has uploaded the files elsewhere meanwhile, and once the
        deadline has passed.

        Args:
            entry: The conversion.
            job: What is posted.
            entering: `conveyor.ledger.turnstile.Pass.entering`: nobody polls the job until the
                POST's answer is noted.
            was_lost: Whether it was recorded before, and Redis has lost it. What was posted is then
                a fact, so the uploads that it names are recorded again with it.
        """
        guards = {"turn": entry.turn, **_place_of_uploads(entry)}
        return self._change(
            "begin_submit",
            entry.id,
            # What was lost with it may be that it was taken, too.
            guards={"attempt": entry.attempt, **({} if was_lost else guards)},
            set={
                **(_uploads_again(entry) if was_lost else {}),
                "job_id": job.job_id,
                "base_url": job.base_url,
                "dialect": job.dialect.value,
                "account": job.account,
                "foreign_ids": int(job.foreign_ids),
                "held": 0,
                "webhook": int(job.webhook),
                "webhook_received": 0,
                "confirmed": 0,
                "note": "",
            },
            stamp=["submitted_at"],
            add={"submits": 1, "turn": 1},
            unset=OF_THE_POST,
            enter=entering,
            in_time=None if was_lost else True,
            due_in=WORK_S,
        )

    def started(
        self,
        entry: Entry,
        job_id: str,
        delay_s: float,
        *,
        expectation: Expectation | None = None,
        leaving: Leaving | None = None,
    ) -> Entry | None:
        """Note that the service has the job.

        Args:
            entry: As it was when the request began.
            job_id: As the service says.
            delay_s: Until the first poll, seconds; at once where `Entry.webhook_received`.
            expectation: What it will probably take: its progress is told by that until it ends.
            leaving: The POST's pass.
        """
        return self._change(
            "started",
            entry.id,
            guards={"turn": entry.turn, "attempt": entry.attempt},
            set={
                "job_id": job_id,
                "confirmed": 1,
                "consecutive_failures": 0,
                **_expected(expectation),
            },
            unset=("held_at", "denials"),
            took=True,
            due_in=delay_s,
            due_received_in=spacing_of(leaving),
            bell=bell_of(entry),
            leave=leaving,
        )


def _place_of_uploads(entry: Entry) -> dict[str, Any]:
    """Where the files lie that are about to be named; nothing where it has no uploads."""
    if not entry.uploads:
        return {}
    return {"uploads_host": entry.uploads_host, "uploads_account": entry.uploads_account}


def _uploads_again(entry: Entry) -> dict[str, Any]:
    if not entry.uploads:
        return {}
    uploads = {"uploads": json.dumps(dict(entry.uploads)), "uploaded_at": entry.uploaded_at}
    return {**uploads, **_place_of_uploads(entry)}


def _expected(expectation: Expectation | None) -> dict[str, str]:
    if expectation is None:
        return {}
    return {"usual_s": f"{expectation.usual_s:.2f}", "late_s": f"{expectation.late_s:.2f}"}
