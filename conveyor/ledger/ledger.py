"""The ledger: the truth about every conversion, in Redis (invariants I1, I2, I6).

Every change is one run of ``transition.lua`` after the table in `conveyor.ledger.transitions`. A
transition that may not leave the state it finds is refused and returns None: another has worked on
the conversion meanwhile, and whoever asked has nothing to do.

Redis' clock alone dates what is here. Durations travel to it, never moments.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, Final, cast

from conveyor.domain.answers import Result
from conveyor.domain.canvas import Caller
from conveyor.domain.conversion import Failure, FailureKind, State, StoredFile
from conveyor.domain.dialect import Dialect
from conveyor.domain.durations import Expectation
from conveyor.domain.entry import Entry
from conveyor.domain.request import ConversionRequest
from conveyor.errors import InvalidRequest
from conveyor.ledger import counters
from conveyor.ledger.callers import dump_caller
from conveyor.ledger.changes import AlreadyAccepted, Bells, Changes
from conveyor.ledger.connection import Client
from conveyor.ledger.encoding import (
    VERSION,
    dump_failure,
    dump_file,
    dump_files,
    dump_result,
    file_field,
)
from conveyor.ledger.expected_durations import ExpectedDurations
from conveyor.ledger.keys import KEEP_CHECK_S, KEEP_DIALECT_S, KEEP_FINISHED_S
from conveyor.ledger.leftovers import Leftover, Leftovers, uploads_of
from conveyor.ledger.reports import Reports
from conveyor.ledger.reservations import KEEP_SIGNED_S
from conveyor.ledger.scripts import script
from conveyor.ledger.server import Standing, look_at_server

__all__ = ["Idempotency", "Ledger", "Submission", "is_another"]

Leaving = Mapping[str, Any] | None
"""`conveyor.ledger.turnstile.Pass.leaving` of the request that a transition ends, if one does."""

# How long after it was sent a message that brings an outcome may come before another is sent.
_GRACE_S: Final = 10.0
# How long who works on a conversion may be silent; `workers.heartbeat` speaks for it. A little more
# than the lease, so that whoever comes then finds it ended.
_WORK_S: Final = 13.1
_FORGET: Final = -1
# As many as a Celery worker keeps.
_MOST_REVOKED: Final = 50_000
_BATCH: Final = 200
_KEEP_EVENTS_OF_FINISHED: Final = 10

_OF_THE_POST: Final = ("unclear", "unclear_at", "missing", "missing_at", "refusal")
_OF_THE_UPLOADS: Final = ("uploads", "uploaded_at", "uploads_host", "uploads_account")
_OF_THE_TELLING: Final = ("delivered", "sent", "undelivered")
# What a replay, which is a new job, begins without.
_OF_THE_LAST_JOB: Final = (
    *("failure", "files", "finished_at", "held", "held_at", "job_id", "note", "ready_at", "result"),
    *(
        "submitted_at",
        "unready_at",
        "usual_s",
        "late_s",
        "reuploaded",
        "lost",
        "denials",
        "stumbles",
        "faults",
        "asking",
    ),
    *("confirmed", "cost", *_OF_THE_TELLING, *_OF_THE_UPLOADS, *_OF_THE_POST),
)
# What nobody needs of a finished conversion: it lies there for a week.
_OF_USE_UNTIL_THE_END: Final = (
    *(
        "account",
        "confirmed",
        "asking",
        "base_url",
        "webhook_received",
        "caller",
        "deliveries",
        "denials",
    ),
    *("dialect", "faults", "foreign_ids", "held", "held_at", "job_id", "lost", "result"),
    *(
        "joined",
        "reuploaded",
        "since",
        "sent",
        "shared",
        "consecutive_failures",
        "stumbles",
        "undelivered",
    ),
    *("turn", "webhook", "unready_at", "usual_s", "late_s"),
    *(*_OF_THE_UPLOADS, *_OF_THE_POST),
)
# What only the service could have used, of a dead letter that it has forgotten by now.
_OF_USE_AT_THE_SERVICE: Final = ("job_id", "result", *_OF_THE_UPLOADS)


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


@dataclass(frozen=True, slots=True)
class Idempotency:
    """A producer's idempotency key, and what it asks for under it.

    Attributes:
        key: The key.
        fingerprint: Of the request.
    """

    key: str
    fingerprint: str


class Ledger(Changes):
    """Conversions in Redis.

    Args:
        client: From `conveyor.ledger.connect`.
        bells: Rings for what is due.

    Attributes:
        expected_durations: How long conversions take.
        leftovers: What is to be deleted at the service.
        reports: What workers report to the doctor.
    """

    def __init__(self, client: Client, bells: Bells | None = None) -> None:
        super().__init__(client, bells)
        self.expected_durations = ExpectedDurations(client)
        self.leftovers = Leftovers(client)
        self.reports = Reports(client)
        self._heartbeat = client.register_script(script("heartbeat"))
        self._join = client.register_script(script("join"))
        self._job_ended = client.register_script(script("job_ended"))
        self._revoke = client.register_script(script("revoke"))
        self._strip_dead = client.register_script(script("strip_dead"))

    # -- transitions ----------------------------------------------------------------------------

    def open(
        self,
        conversion_id: str,
        request: ConversionRequest,
        caller: Caller | None = None,
        owns: Sequence[str] = (),
        takes: Sequence[str] = (),
        *,
        asked: str = "",
        idempotency: Idempotency | None = None,
        unless_revoked: bool = False,
        rings: bool = True,
    ) -> Entry | None:
        """Accept a conversion.

        Args:
            conversion_id: Its id.
            request: What is asked.
            caller: What Celery was asked to do after it.
            owns: Tokens of the staged folders that are its own from now on.
            takes: The same of folders that may be somebody's already. Those that signatures share
                stay theirs, and their time begins anew.
            asked: What a signature's message asks for, as a hash.
            idempotency: The producer's idempotency key, which is bound in the same step.
            unless_revoked: Whether Celery may have been asked to revoke its id.
            rings: Whether to ring for it; not where whoever accepts it takes up what is due.

        Raises:
            AlreadyAccepted: The key is another conversion's, of the same request.
            InvalidRequest: One of the folders is gone, or belongs to another conversion. Or the key
                was used for a different request.
            RevokedBefore: Its id was revoked.
        """
        fields = {"v": VERSION, "turn": 0, "attempt": 1, "request": request.to_json()}
        if caller is not None:
            fields["caller"] = dump_caller(caller)
        if asked:
            fields["asked"] = asked
        try:
            return self._change(
                "open",
                conversion_id,
                set=fields,
                stamp=["created_at"],
                owns=list(owns),
                takes=list(takes),
                sign_s=KEEP_SIGNED_S,
                unless_revoked=unless_revoked,
                due_in=0,
                bell=rings,
                **_binding(idempotency, conversion_id),
            )
        except AlreadyAccepted as error:
            raise AlreadyAccepted(_same_of(cast("Idempotency", idempotency), error.bound)) from None

    def record_revoked(self, conversion_id: str) -> bool:
        """Have an id never begin that no conversion has.

        Args:
            conversion_id: The id.

        Returns:
            Whether it is noted; not where there is such a conversion, which can be cancelled.
        """
        with self._translated():
            known = self._revoke(
                keys=[self._keys.conversion(conversion_id), self._keys.revoked],
                args=[conversion_id, KEEP_FINISHED_S, _MOST_REVOKED],
            )
        return not known

    def accepted_under(self, idempotency: Idempotency) -> str | None:
        """The conversion that an idempotency key is bound to.

        Args:
            idempotency: The key, and what is asked for under it.

        Returns:
            Its id; None where the key is new.

        Raises:
            InvalidRequest: The key was used for a different request.
        """
        with self._translated():
            bound = cast("str | None", self._redis.get(self._keys.idempotency(idempotency.key)))
        return None if bound is None else _same_of(idempotency, bound)

    def join(self, conversion_id: str) -> bool:
        """Hold a conversion that another producer has enqueued: it is not taken back any more.

        Args:
            conversion_id: The conversion's id.

        Returns:
            Whether there is one.
        """
        with self._translated():
            return bool(self._join(keys=[self._keys.conversion(conversion_id)], args=[VERSION]))

    def uploaded(
        self,
        entry: Entry,
        uploads: Mapping[str, str],
        *,
        host: str,
        account: str,
        anew: bool = True,
    ) -> Entry | None:
        """Note which attachments lie at the service.

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
            due_in=_WORK_S,
        )

    def submit_later(
        self,
        entry: Entry,
        delay_s: float,
        note: str,
        *,
        held: bool = False,
        first: bool = False,
        denied: bool = False,
        leaving: Leaving = None,
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

    def begin_submit(
        self,
        entry: Entry,
        job: Submission,
        entering: Mapping[str, Any] | None = None,
        *,
        was_lost: bool = False,
    ) -> Entry | None:
        """Record the intent to submit, with our job id, before the paid POST (invariant I1).

        Refused also where somebody has uploaded its files to another place meanwhile.

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
            unset=_OF_THE_POST,
            enter=entering,
            due_in=_WORK_S,
        )

    def started(
        self,
        entry: Entry,
        job_id: str,
        delay_s: float,
        *,
        expectation: Expectation | None = None,
        leaving: Leaving = None,
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
            due_received_in=_spacing_s(leaving),
            bell=_bell_of(entry),
            leave=leaving,
        )

    def ask_first(
        self,
        entry: Entry,
        delay_s: float,
        note: str,
        *,
        closed_at_once: bool = False,
        refusal: Failure | None = None,
        leaving: Leaving = None,
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
            due_received_in=_spacing_s(leaving),
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
        leaving: Leaving = None,
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
        polls = _polls(leaving)
        fields: dict[str, Any] = {"note": note}
        add = {"turn": 1, "consecutive_failures": 1, "polls": polls, "denials": int(denied)}
        unset = list(_OF_THE_POST)
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
            unset += _OF_THE_UPLOADS
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

    def poll_later(
        self,
        entry: Entry,
        delay_s: float,
        *,
        confirmed: bool,
        failed: bool,
        missing: bool = False,
        note: str = "",
        leaving: Leaving = None,
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
            due_received_in=_spacing_s(leaving),
            bell=True if failed or missing else _bell_of(entry),
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
        leaving: Leaving = None,
        taking: Mapping[str, Any] | None = None,
    ) -> Entry | None:
        """Note the result before anything else is done with it: it has been paid.

        Args:
            entry: As it was when the request began.
            result: What the service says.
            leaving: The pass of the request that brought it.
            taking: `conveyor.ledger.delivery_lease.DeliveryLeases.taking`, where it is delivered at
                once.
        """
        polls = _polls(leaving)
        changed = self._change(
            "ready",
            entry.id,
            guards=_this_job(entry),
            set={"result": dump_result(result), "cost": result.cost, "confirmed": 1, "note": ""},
            stamp=["ready_at"],
            took=_took(leaving),
            add={"turn": 1, "polls": polls, "deliveries": int(taking is not None)},
            unset=("held_at", "denials"),
            counts={"polls": polls, "cost": result.cost},
            due_in=_WORK_S,
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

    def deliver_later(
        self, entry: Entry, delay_s: float, note: str, *, fault: bool = True
    ) -> Entry | None:
        """Note that the result can't be stored just now.

        Args:
            entry: The conversion.
            delay_s: Until it is tried again, seconds.
            note: Why, in words.
            fault: Whether it counts as a try; to be asked for patience is none.
        """
        return self._change(
            "deliver_later",
            entry.id,
            set={"note": note},
            add={"faults": int(fault)},
            due_in=delay_s,
            bell=True,
        )

    def stored(self, entry: Entry, place: int, file: StoredFile) -> None:
        """Note one stored file while others are missing.

        Args:
            entry: The conversion.
            place: The file's place in the result.
            file: What was stored.
        """
        self._run(
            "stored",
            entry.id,
            set={file_field(place): dump_file(file)},
            due_in=_WORK_S,
            silent=True,
        )

    def succeeded(
        self, entry: Entry, files: Sequence[StoredFile], *, note: str = "", delivery: str = ""
    ) -> Entry | None:
        """Note that every file is stored.

        Args:
            entry: The conversion.
            files: The files, in their order.
            note: What was odd about them, in words.
            delivery: The token of the lease under which they were stored; refused where another
                has it by now.
        """
        return self._change(
            "succeeded",
            entry.id,
            guards=_this_job(entry),
            holder=delivery or None,
            set={"files": dump_files(files), "note": note},
            stamp=["finished_at"],
            unset=[file_field(place) for place in range(len(files))],
            due_in=_WORK_S,
            counts=counters.of_success(entry.polls),
            timed=counters.stored_since("ready_at"),
        )

    def failed(
        self, entry: Entry, failure: Failure, *, cost: int = 0, leaving: Leaving = None
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

    def expired(self, entry: Entry, failure: Failure, *, leaving: Leaving = None) -> Entry | None:
        """Note that the service forgot a job that it had: a dead letter."""
        return self._bury("expired", entry, failure, 0, leaving)

    def stumbled(self, entry: Entry, delay_s: float) -> Entry | None:
        """Count an unexpected exception, and have the conversion looked at again.

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
        failure = Failure(FailureKind.CANCELLED, "The conversion was cancelled by its caller.")
        return self._change(
            "cancelled",
            entry.id,
            set={"failure": dump_failure(failure), "note": ""},
            stamp=["finished_at"],
            add={"turn": 1},
            due_in=_GRACE_S,
            counts={failure.kind.value: 1},
        )

    def sent(self, entry: Entry, places: Sequence[str], delivery: str) -> Entry | None:
        """Note which steps of telling the caller are done: a repeated delivery leaves them out.

        Args:
            entry: The conversion, ended.
            places: The names of the steps.
            delivery: The token of the delivery's lease; refused where another has it by now.
        """
        return self._change(
            "sent", entry.id, holder=delivery, set={"sent": " ".join(places)}, due_in=_WORK_S
        )

    def undelivered(self, entry: Entry, delay_s: float) -> Entry | None:
        """Note that the outcome can't be stored in the result backend just now.

        Args:
            entry: The conversion, ended.
            delay_s: Until it is tried again, seconds.
        """
        return self._change(
            "undelivered", entry.id, add={"undelivered": 1}, due_in=delay_s, bell=True
        )

    def delivered(
        self,
        conversion_id: str,
        *,
        is_dead: bool,
        delivery: str = "",
        request: ConversionRequest | None = None,
        leftovers: Sequence[Leftover] = (),
    ) -> None:
        """Note that the caller has the outcome: the entry starts to age.

        A finished conversion keeps what can be asked of it, and nothing that opens a document.

        Args:
            conversion_id: The conversion's id.
            is_dead: Whether it is a dead letter: it stays until it is replayed or purged.
            delivery: The token of the delivery's lease, which ends with it.
            request: What was asked, of which a finished conversion keeps the formats.
            leftovers: What is to be deleted at the service.
        """
        fields: dict[str, Any] = {"delivered": 1}
        if request is not None and not is_dead:
            fields["request"] = request.formats_alone().to_json()
        self._run(
            "delivered",
            conversion_id,
            set=fields,
            unset=None if is_dead else _OF_USE_UNTIL_THE_END,
            due_in=False,
            keep_s=0 if is_dead else KEEP_FINISHED_S,
            keep_events=_KEEP_EVENTS_OF_FINISHED,
            states_alone=not is_dead,
            silent=True,
            release=delivery or None,
            leftovers=[leftover.row for leftover in leftovers],
        )

    def replay(
        self, entry: Entry, timeout: int | None = None, leftovers: Sequence[Leftover] = ()
    ) -> Entry | None:
        """Try a dead letter again, as a new job that is paid again.

        Args:
            entry: The dead letter.
            timeout: The new job's parameter ``Timeout``, seconds; None leaves it as it was.
            leftovers: What of the old job is to be deleted at the service.
        """
        request = entry.request if timeout is None else _with_timeout(entry.request, timeout)
        return self._change(
            "replay",
            entry.id,
            set={
                "caller": dump_caller(entry.caller.without_chord()),
                "request": request.to_json(),
                "submits": 0,
                "consecutive_failures": 0,
            },
            stamp=["since"],
            add={"turn": 1, "attempt": 1},
            unset=[*_OF_THE_LAST_JOB, *map(file_field, entry.stored)],
            due_in=0,
            bell=True,
            dead=False,
            keep_s=0,
            leftovers=[leftover.row for leftover in leftovers],
        )

    def ask_again(self, entry: Entry) -> Entry | None:
        """Ask for the job of a dead letter that may have been paid, before another is."""
        return self._change(
            "ask_again",
            entry.id,
            set={
                "caller": dump_caller(entry.caller.without_chord()),
                "asking": 1,
                "confirmed": 0,
                "consecutive_failures": 0,
            },
            stamp=["since"],
            add={"turn": 1},
            unset=(
                *("failure", "finished_at", "note", *_OF_THE_TELLING, "stumbles"),
                *("missing", "missing_at", "refusal"),
            ),
            due_in=0,
            bell=True,
            dead=False,
            keep_s=0,
        )

    def purge(self, entry: Entry, leftovers: Sequence[Leftover] = ()) -> Entry | None:
        """Forget a dead letter, unless it has been replayed meanwhile.

        Args:
            entry: The dead letter.
            leftovers: What is to be deleted at the service.
        """
        done, *_ = self._run(
            "purge",
            entry.id,
            due_in=False,
            dead=False,
            keep_s=_FORGET,
            silent=True,
            leftovers=[leftover.row for leftover in leftovers],
        )
        return entry if done else None

    def redeliver(self, entry: Entry) -> Entry | None:
        """Fetch the paid result of a dead letter again."""
        return self._change(
            "redeliver",
            entry.id,
            set={"caller": dump_caller(entry.caller.without_chord())},
            unset=("failure", "finished_at", "note", *_OF_THE_TELLING, "stumbles", "faults"),
            due_in=_WORK_S,
            dead=False,
            keep_s=0,
        )

    def forget(self, conversion_id: str, idempotency: Idempotency | None = None) -> bool:
        """Take back an `open` whose message could not be published: it was not accepted.

        Args:
            conversion_id: The conversion's id.
            idempotency: The idempotency key that it was opened with, which is free again.

        Returns:
            Whether it is forgotten; not where a worker has it in hand, for then a bell has been
            rung all the same. Nor where another producer holds it by its key.
        """
        value = {} if idempotency is None else {"free_key": _bound(idempotency, conversion_id)}
        done, *_ = self._run(
            "forget",
            conversion_id,
            key=idempotency.key if idempotency else None,
            guards={"turn": 0, "joined": ""},
            due_in=False,
            unrung=True,
            keep_s=_FORGET,
            silent=True,
            **value,
        )
        return bool(done)

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

    def renew_leases(self, rows: Sequence[tuple[str, str, str]], lease_s: float) -> None:
        """Say that somebody works on these: their leases begin anew, and they are due after them.

        Args:
            rows: Of each its id, what its lease is called, ``turnstile`` or ``delivery``, and what
                the lease holds. What is another's by now is left alone.
            lease_s: How long the leases live from now on, seconds.
        """
        args: list[str | int] = [self._keys.prefix, round(lease_s * 1000)]
        args += chain.from_iterable(rows)
        with self._translated():
            self._heartbeat(keys=self._keys.all_due, args=args)

    # -- indexes --------------------------------------------------------------------------------

    def dead_ids(self, older_than_s: float | None = None, limit: int | None = None) -> list[str]:
        """The ids of dead letters, the oldest first.

        Args:
            older_than_s: Only those that became one longer ago, seconds.
            limit: At most so many.
        """
        high = "+inf" if older_than_s is None else self.now() - older_than_s
        with self._translated():
            return cast(
                "list[str]",
                self._redis.zrangebyscore(
                    self._keys.dead, "-inf", high, start=0, num=-1 if limit is None else limit
                ),
            )

    def look_at_dead(self) -> None:
        """Read every dead letter, so that one that can't be read is put aside.

        Nobody works on a dead letter, so nothing else would find it before it is needed.
        """
        ids = self.dead_ids()
        for start in range(0, len(ids), _BATCH):
            self.find_many(ids[start : start + _BATCH])

    def discard(self, conversion_id: str) -> bool:
        """Forget an entry that was put aside because it can't be read, or one that is lost.

        Returns:
            Whether there was one.
        """
        if self.audit.forget_lost(conversion_id):
            return True
        with self._translated():
            aside = self._redis.zrem(self._keys.unreadable, conversion_id)
            if aside:
                places = [self._keys.state(state.value) for state in State]
                places += [
                    self._keys.dead,
                    *(self._keys.dead_of(kind.value) for kind in FailureKind),
                ]
                pipeline = self._redis.pipeline()
                for place in places:
                    pipeline.zrem(place, conversion_id)
                for account in cast("set[str]", self._redis.smembers(self._keys.accounts)):
                    pipeline.srem(self._keys.jobs(account), conversion_id)
                # Where its place is waited for the next sweep rings.
                pipeline.delete(self._keys.bell("submit"))
                pipeline.delete(
                    self._keys.conversion(conversion_id), self._keys.events(conversion_id)
                )
                pipeline.execute()
        return bool(aside)

    def strip_dead(self, life_s: float, limit: int) -> int:
        """Take out of old dead letters what only the service could have used.

        Args:
            life_s: For how long the service keeps a result, seconds.
            limit: At most so many.

        Returns:
            How many were looked at.
        """
        with self._translated():
            stripped = self._strip_dead(
                keys=[self._keys.dead, self._keys.stripped],
                args=[life_s, limit, self._keys.entry_prefix, VERSION, *_OF_USE_AT_THE_SERVICE],
            )
        return cast("int", stripped)

    # -- what was learned -----------------------------------------------------------------------

    def recall_dialect(self, account: str) -> Dialect | None:
        """The dialect that an account's service was found to speak."""
        with self._translated():
            known = cast("str | None", self._redis.get(self._keys.dialect(account)))
        # One that a later release speaks is none that we do: it is found out anew.
        return next((dialect for dialect in Dialect if dialect.value == known), None)

    def remember_dialect(self, account: str, dialect: Dialect) -> None:
        """Remember it for a day."""
        with self._translated():
            self._redis.set(self._keys.dialect(account), dialect.value, ex=KEEP_DIALECT_S)

    def job_key(self) -> str:
        """The key from which job ids are derived: made once, by whoever asks first."""
        made = secrets.token_hex(32)
        with self._translated():
            known = self._redis.set(self._keys.job_key, made, nx=True, get=True)
        return cast("str | None", known) or made

    def identity(self) -> str:
        """What tells this ledger from any other: made once, by whoever asks first."""
        made = secrets.token_hex(8)
        with self._translated():
            known = self._redis.set(self._keys.identity, made, nx=True, get=True)
        return cast("str | None", known) or made

    def standing(self) -> Standing:
        """What the server is set to, and what of that can hurt.

        Raises:
            LedgerUnavailable: Redis can't be reached.
        """
        with self._translated():
            return look_at_server(self._redis)

    def check(self) -> None:
        """Write and read a key.

        Raises:
            LedgerUnavailable: Redis is away, full or read-only.
        """
        with self._translated():
            pipeline = self._redis.pipeline(transaction=False)
            pipeline.set(self._keys.check, "ok", ex=KEEP_CHECK_S)
            pipeline.get(self._keys.check)
            pipeline.execute()

    def _bury(
        self, name: str, entry: Entry, failure: Failure, cost: int, leaving: Leaving
    ) -> Entry | None:
        polls = _polls(leaving)
        fields = {"failure": dump_failure(failure), "note": ""}
        return self._change(
            name,
            entry.id,
            guards=_this_job(entry),
            set={**fields, "cost": cost} if cost else fields,
            stamp=["finished_at"],
            add={"turn": 1, "polls": polls},
            due_in=_WORK_S,
            dead=True,
            took=_took(leaving) if failure.status else None,
            counts={failure.kind.value: 1, "polls": polls, "cost": cost},
            leave=leaving,
        )


def _bound(idempotency: Idempotency, conversion_id: str) -> str:
    """What an idempotency key holds."""
    return f"{conversion_id} {idempotency.fingerprint}"


def _binding(idempotency: Idempotency | None, conversion_id: str) -> dict[str, Any]:
    if idempotency is None:
        return {}
    value = {"value": _bound(idempotency, conversion_id), "keep_s": KEEP_FINISHED_S}
    return {"key": idempotency.key, "bind_key": value}


def _same_of(idempotency: Idempotency, bound: str) -> str:
    """The conversion of a key that is bound.

    Raises:
        InvalidRequest: To a different request.
    """
    conversion_id, _, fingerprint = bound.partition(" ")
    if is_another(fingerprint, idempotency.fingerprint):
        raise InvalidRequest(
            f"The idempotency key {idempotency.key!r} was used for a different request: take "
            "another key."
        )
    return conversion_id


def is_another(known: str, fingerprint: str) -> bool:
    """Whether two fingerprints are of different requests.

    Those that two releases have made in different ways can't be compared. The key is the same, so
    the conversion is taken to be the same: it is paid once, whatever else.

    Args:
        known: The one on record, ``VERSION:HASH``; empty where nothing like it was asked.
        fingerprint: Ours.
    """
    is_of_one_version = known.partition(":")[0] == fingerprint.partition(":")[0]
    return not known or (is_of_one_version and known != fingerprint)


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


def _this_job(entry: Entry) -> dict[str, Any]:
    """A late answer about an earlier job changes nothing."""
    return {"attempt": entry.attempt, "job_id": entry.job_id}


def _polls(leaving: Leaving) -> int:
    """1 where the request was a poll, 0 where it was a POST, or there was none."""
    return leaving["polls"] if leaving else 0


def _expected(expectation: Expectation | None) -> dict[str, str]:
    if expectation is None:
        return {}
    return {"usual_s": f"{expectation.usual_s:.2f}", "late_s": f"{expectation.late_s:.2f}"}


def _took(leaving: Leaving) -> bool | None:
    """Whether the request was a POST, which the service has taken, whatever became of it."""
    return True if leaving and not leaving["polls"] else None


def _spacing_s(leaving: Leaving) -> float:
    return leaving["for_ms"] / 1000 if leaving else 0.0


def _with_timeout(request: ConversionRequest, timeout: int) -> ConversionRequest:
    """Copy a request with another Timeout; the service takes names in any case."""
    others = {name: text for name, text in request.params.items() if name.lower() != "timeout"}
    return replace(request, params={**others, "Timeout": str(timeout)})


def _held(*, held: bool, first: bool) -> dict[str, Any]:
    """Suspend the deadline on hold: it counts anew from the end of the hold."""
    due = {"due_first": True} if first else {}
    if held:
        return {"also": {"held": 1}, "stamp": ["since"], "first": ["held_at"], **due}
    return {"also": {"held": 0}, **due}


def _bell_of(entry: Entry) -> str | bool:
    """Whether a poll's bell is rung now. Where the service calls, the sweep rings for a late one.

    Such a poll is for a call that was lost. So no message waits for what has long ended.
    """
    return "webhook_received" if entry.webhook else True
