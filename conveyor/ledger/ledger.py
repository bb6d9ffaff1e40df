"""The ledger: the truth about every conversion, in Redis (invariants I1, I2, I6).

Every change is one run of ``transition.lua`` after the table in `conveyor.ledger.transitions`. A
transition that may not leave the state it finds is refused and returns None: whoever asked had an
old message in hand, and has nothing to do.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any, Final, cast
from uuid import uuid4

import redis

from conveyor.canvas import Caller
from conveyor.conversion import Event, Failure, FailureKind, State, StoredFile
from conveyor.errors import InvalidRequest, UnknownConversion
from conveyor.ledger import keys, tally
from conveyor.ledger.connection import translated
from conveyor.ledger.entry import (
    Entry,
    decode,
    dump_failure,
    dump_files,
    dump_result,
    fields_of,
)
from conveyor.ledger.pace import Pace
from conveyor.ledger.scripts import script
from conveyor.ledger.transitions import TRANSITIONS
from conveyor.protocol import Dialect, Result
from conveyor.request import ConversionRequest

__all__ = ["Job", "Ledger"]

Leaving = Mapping[str, Any] | None
"""`conveyor.turnstile.Pass.leaving` of the poll that a transition ends, if one does."""

# How long after its time a wake-up may come before the sweep takes it for lost. A wake-up that was
# only late is then stale, and costs one look.
_GRACE_S: Final = 10.0
# What a replay, which is a new job, begins without.
_OF_THE_UPLOADS: Final = ("uploaded_at", "uploads", "uploads_account", "uploads_host")
_OF_THE_LAST_JOB: Final = (
    *("failure", "files", "finished_at", "held", "job_id", "note", "ready_at", "result"),
    *("reuploaded", "submitted_at", "told", *_OF_THE_UPLOADS),
)
# How long a task that works on a conversion may be silent; `workers.pulse` speaks for it.
_WORK_S: Final = 15.0
_FORGET: Final = -1
_NOTHING_TO_OWN: Final = -1


@dataclass(frozen=True, slots=True)
class Job:
    """What is about to be posted.

    Attributes:
        job_id: Ours, in the dialect's form.
        base_url: The host.
        dialect: The dialect.
        account: The account's fingerprint.
        foreign_ids: Whether its service was seen to answer with job ids of its own.
        webhook: Whether the service is asked to call when the job ends.
    """

    job_id: str
    base_url: str
    dialect: Dialect
    account: str = ""
    foreign_ids: bool = False
    webhook: bool = False


class Ledger:
    """Conversions in Redis.

    Args:
        client: From `conveyor.ledger.connect`.

    Attributes:
        pace: How long conversions take.
    """

    def __init__(self, client: redis.Redis) -> None:
        self._redis = client
        self.pace = Pace(client)
        self._transition = client.register_script(script("transition"))
        self._job_ended = client.register_script(script("job_ended"))
        self._claim_overdue = client.register_script(script("claim_overdue"))

    # -- reading --------------------------------------------------------------------------------

    def find(self, conversion_id: str) -> Entry | None:
        """An entry, or None where there is none."""
        with self._translated():
            fields = cast("dict[str, str]", self._redis.hgetall(keys.conversion(conversion_id)))
        return decode(conversion_id, fields) if "request" in fields else None

    def get(self, conversion_id: str) -> Entry:
        """An entry.

        Raises:
            UnknownConversion: There is none.
        """
        entry = self.find(conversion_id)
        if entry is None:
            raise UnknownConversion(
                f"No conversion has the id {conversion_id!r}: check it; "
                "a finished one is forgotten after 7 days."
            )
        return entry

    def find_many(self, conversion_ids: Sequence[str]) -> list[Entry]:
        """The entries that there are of these, in one round trip."""
        with self._translated():
            pipeline = self._redis.pipeline(transaction=False)
            for conversion_id in conversion_ids:
                pipeline.hgetall(keys.conversion(conversion_id))
            found = pipeline.execute()
        return [
            decode(conversion_id, fields)
            for conversion_id, fields in zip(conversion_ids, found, strict=True)
            if "request" in fields
        ]

    def events(self, conversion_id: str, after: str = "") -> list[Event]:
        """A conversion's changes of state.

        Args:
            conversion_id: Whose.
            after: The id of the event that was seen last; empty for all.

        Returns:
            What there is, the oldest first; perhaps nothing.
        """
        with self._translated():
            found = cast(
                "list[Any]",
                self._redis.xrange(keys.events(conversion_id), f"({after}" if after else "-"),
            )
        return [_event(conversion_id, *item) for item in found]

    def last_event_id(self, conversion_id: str) -> str:
        """The id of the latest change of state; empty where there is none."""
        with self._translated():
            found = cast("list[Any]", self._redis.xrevrange(keys.events(conversion_id), count=1))
        return str(found[0][0]) if found else ""

    # -- transitions ----------------------------------------------------------------------------

    def open(
        self,
        conversion_id: str,
        request: ConversionRequest,
        caller: Caller | None = None,
        owns: Sequence[str] = (),
        takes: Sequence[str] = (),
    ) -> Entry | None:
        """Accept a conversion.

        Args:
            conversion_id: Its id.
            request: What is asked.
            caller: What Celery was asked to do after it.
            owns: Tokens of the staged folders that are its own from now on.
            takes: The same of folders that may be somebody's already.

        Raises:
            InvalidRequest: One of these is gone, or belongs to another conversion.
        """
        fields = {"wakeup": 0, "request": request.to_json(), "created_at": _now()}
        if caller is not None:
            fields["caller"] = caller.to_json()
        return self._change(
            "open",
            conversion_id,
            set=fields,
            owns=list(owns),
            takes=list(takes),
            due=_now() + _GRACE_S,
        )

    def claim_key(self, key: str, conversion_id: str, fingerprint: str) -> str:
        """Bind an idempotency key to a conversion, or learn which it is bound to.

        Args:
            key: The producer's.
            conversion_id: For a key that is new.
            fingerprint: Of what is asked.

        Returns:
            The id of the key's conversion: the one given, where the key is new.

        Raises:
            InvalidRequest: The key was used for a different request.
        """
        with self._translated():
            bound = self._redis.set(
                keys.idempotency(key),
                f"{conversion_id} {fingerprint}",
                nx=True,
                get=True,
                ex=keys.KEEP_FINISHED_S,
            )
        if bound is None:
            return conversion_id
        known_id, _, known_fingerprint = cast("str", bound).partition(" ")
        if known_fingerprint != fingerprint:
            raise InvalidRequest(
                f"The idempotency key {key!r} was used for a different request: take another key."
            )
        return known_id

    def forget(self, conversion_id: str) -> bool:
        """Take back an `open` whose message could not be published: it was not accepted.

        Returns:
            Whether it is forgotten; not where a worker has it in hand, for then the message has
            arrived all the same, or the sweep has sent another.
        """
        done, _ = self._run(
            "forget",
            conversion_id,
            guards={"wakeup": 0},
            due=False,
            keep_s=_FORGET,
            silent=True,
        )
        return bool(done)

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
            host: The base URL of the host that has them.
            account: The fingerprint of the account that they were uploaded for.
            anew: Whether all are new. Otherwise the oldest of them tells their age.
        """
        fields: dict[str, Any] = {
            "uploads": json.dumps(uploads),
            "uploads_host": host,
            "uploads_account": account,
        }
        if anew:
            fields["uploaded_at"] = _now()
        return self._change("uploaded", entry.id, set=fields, due=_now() + _WORK_S)

    def upload_again(self, entry: Entry, note: str, *, leaving: Leaving = None) -> Entry | None:
        """Forget uploads that the service has lost, and submit at once, under a new job id.

        The job ended, or never began, for want of its files: nothing was paid.

        Args:
            entry: As it was when the request began.
            note: What holds it up, in words.
            leaving: The pass of the poll that found it out; None where the submit did.
        """
        return self._change(
            "put_back",
            entry.id,
            guards={"wakeup": entry.wakeup},
            set={"note": note, "reuploaded": 1, "alive": 0, "strikes": 0},
            unset=("job_id", *_OF_THE_UPLOADS),
            add={"wakeup": 1, "submits": -1, "polls": int(leaving is not None)},
            counts={"polls": int(leaving is not None)},
            leave=leaving,
            due=_now() + _GRACE_S,
        )

    def delayed(
        self, entry: Entry, delay_s: float, note: str, *, held: bool = False
    ) -> Entry | None:
        """Try to submit again later; nothing was sent.

        Args:
            entry: The conversion.
            delay_s: Until then, seconds.
            note: What holds it up, in words.
            held: Whether the account is on hold.
        """
        return self._change(
            "delayed",
            entry.id,
            guards={"wakeup": entry.wakeup},
            set={"note": note, **_held(held=held)},
            add={"wakeup": 1, "strikes": 1},
            due=_now() + delay_s + _GRACE_S,
        )

    def begin_submit(self, entry: Entry, job: Job) -> Entry | None:
        """Record the intent to submit, with our job id, before the paid POST (invariant I1)."""
        return self._change(
            "begin_submit",
            entry.id,
            guards={"wakeup": entry.wakeup},
            set={
                "job_id": job.job_id,
                "base_url": job.base_url,
                "dialect": job.dialect.value,
                "account": job.account,
                "foreign_ids": int(job.foreign_ids),
                "held": 0,
                "webhook": int(job.webhook),
                "called": 0,
                "alive": 0,
                "submitted_at": _now(),
                "note": "",
            },
            add={"submits": 1, "wakeup": 1},
            due=_now() + _WORK_S,
        )

    def started(self, entry: Entry, job_id: str, delay_s: float) -> Entry | None:
        """Note that the service has the job.

        Args:
            entry: As it was when the request began.
            job_id: As the service says.
            delay_s: Until the first poll, seconds; `Entry.called` tells that it shall come at once.
        """
        return self._change(
            "started",
            entry.id,
            guards={"wakeup": entry.wakeup},
            set={"job_id": job_id, "alive": 1, "strikes": 0},
            due=_now() + delay_s + _GRACE_S,
            due_called=_now() + _GRACE_S,
        )

    def ask_first(self, entry: Entry, delay_s: float, note: str) -> Entry | None:
        """Note that the POST's answer was lost: the job may have been taken, and paid."""
        return self._change(
            "ask_first",
            entry.id,
            guards={"wakeup": entry.wakeup},
            set={"note": note},
            due=_now() + delay_s + _GRACE_S,
        )

    def put_back(
        self,
        entry: Entry,
        delay_s: float,
        note: str,
        *,
        lost: bool,
        held: bool = False,
        leaving: Leaving = None,
    ) -> Entry | None:
        """Note that nothing was started.

        Args:
            entry: As it was when the request began.
            delay_s: Until the next submit, seconds.
            note: What holds it up, in words.
            lost: Whether the POST went out and got lost: a 404 on a job never seen alive. Only
                these count as submits; a throttle or a missing connection starts nothing.
            held: Whether the account is on hold.
            leaving: The pass of the poll that found it out.
        """
        return self._change(
            "put_back",
            entry.id,
            guards={"wakeup": entry.wakeup, "alive": 0},
            set={"note": note, **_held(held=held)},
            add={"wakeup": 1, "strikes": 1, "submits": 0 if lost else -1, "polls": int(lost)},
            counts={"polls": 1} if lost else None,
            leave=leaving,
            due=_now() + delay_s + _GRACE_S,
        )

    def later(
        self,
        entry: Entry,
        delay_s: float,
        *,
        alive: bool,
        strike: bool,
        note: str = "",
        leaving: Leaving = None,
    ) -> Entry | None:
        """Note a poll that brought no end.

        Args:
            entry: As it was when the poll began.
            delay_s: Until the next poll, seconds.
            alive: Whether the answer shows that the service has the job.
            strike: Whether the answer said nothing of the job.
            note: What holds it up, in words.
            leaving: The poll's pass. Where the webhook has called meanwhile (`Entry.called`), the
                next poll shall come as soon as the pass allows.
        """
        spacing_s = leaving["for_ms"] / 1000 if leaving else 0
        fields: dict[str, Any] = {"note": note}
        if alive:
            fields["alive"] = 1
        if not strike:
            fields["strikes"] = 0
        return self._change(
            "later",
            entry.id,
            guards={"wakeup": entry.wakeup},
            set=fields,
            add={"wakeup": 1, "polls": 1, "strikes": int(strike)},
            counts={"polls": 1},
            due=_now() + delay_s + _GRACE_S,
            due_called=_now() + spacing_s + _GRACE_S,
            leave=leaving,
        )

    def ready(self, entry: Entry, result: Result, *, leaving: Leaving = None) -> Entry | None:
        """Note the result before anything else is done with it: it has been paid.

        Args:
            entry: As it was when the request began.
            result: What the service says.
            leaving: The pass of the poll that brought it; None where the submit did.
        """
        changed = self._change(
            "ready",
            entry.id,
            set={"result": dump_result(result), "alive": 1, "ready_at": _now(), "note": ""},
            add={"wakeup": 1, "polls": int(leaving is not None)},
            counts={"polls": int(leaving is not None), "cost": result.cost},
            due=_now() + _WORK_S,
            leave=leaving,
        )
        # What was seen late, after polls without an answer, tells nothing of the service's pace.
        if changed is not None and changed.submitted_at is not None and not changed.strikes:
            self.pace.learn(changed.request, _now() - changed.submitted_at)
        return changed

    def hold(self, entry: Entry, delay_s: float, note: str) -> Entry | None:
        """Note that the result can't be stored just now."""
        return self._change("hold", entry.id, set={"note": note}, due=_now() + delay_s + _GRACE_S)

    def stored(self, entry: Entry, files: tuple[StoredFile, ...]) -> Entry | None:
        """Note which files of the result are stored so far."""
        fields = {"files": dump_files(files)}
        return self._change("stored", entry.id, set=fields, due=_now() + _WORK_S)

    def succeeded(self, entry: Entry, files: tuple[StoredFile, ...]) -> Entry | None:
        """Note that every file is stored."""
        fields = {"files": dump_files(files), "finished_at": _now(), "note": ""}
        waited_s = _now() - (entry.ready_at or _now())
        return self._change(
            "succeeded",
            entry.id,
            set=fields,
            due=_now() + _WORK_S,
            counts=tally.of_success(entry.polls, waited_s),
        )

    def failed(self, entry: Entry, failure: Failure, *, leaving: Leaving = None) -> Entry | None:
        """Note that it ended without files: a dead letter."""
        return self._bury("failed", entry, failure, leaving)

    def expired(self, entry: Entry, failure: Failure, *, leaving: Leaving = None) -> Entry | None:
        """Note that the service forgot a job that it had: a dead letter."""
        return self._bury("expired", entry, failure, leaving)

    def cancelled(self, entry: Entry) -> Entry | None:
        """Note that the caller no longer wants it. Of a race with a result one of both wins."""
        failure = Failure(FailureKind.CANCELLED, "The conversion was cancelled by its caller.")
        return self._change(
            "cancelled",
            entry.id,
            set={"failure": dump_failure(failure), "finished_at": _now(), "note": ""},
            add={"wakeup": 1},
            due=_now() + _GRACE_S,
            counts={failure.kind.value: 1},
        )

    def told(self, conversion_id: str, *, is_dead: bool, delivery: str = "") -> None:
        """Note that the caller has the outcome: the entry starts to age.

        Args:
            conversion_id: Whose.
            is_dead: Whether it is a dead letter: it stays until it is replayed or purged.
            delivery: The token of the delivery's lease, which ends with it.
        """
        keep_s = 0 if is_dead else keys.KEEP_FINISHED_S
        self._run(
            "told",
            conversion_id,
            set={"told": 1},
            due=False,
            keep_s=keep_s,
            silent=True,
            release=delivery or None,
        )

    def replay(self, entry: Entry, timeout: int | None = None) -> Entry | None:
        """Try a dead letter again, as a new job that is paid again.

        Args:
            entry: The dead letter.
            timeout: The new job's parameter ``Timeout``, seconds; None leaves it as it was.
        """
        request = entry.request if timeout is None else _with_timeout(entry.request, timeout)
        return self._change(
            "replay",
            entry.id,
            set={
                "caller": entry.caller.without_chord().to_json(),
                "request": request.to_json(),
                "since": _now(),
                "submits": 0,
                "strikes": 0,
            },
            add={"wakeup": 1},
            unset=_OF_THE_LAST_JOB,
            due=_now() + _GRACE_S,
            dead=False,
            keep_s=0,
        )

    def purge(self, entry: Entry) -> Entry | None:
        """Forget a dead letter, unless it has been replayed meanwhile."""
        done, _ = self._run("purge", entry.id, due=False, dead=False, keep_s=_FORGET, silent=True)
        return entry if done else None

    def redeliver(self, entry: Entry) -> Entry | None:
        """Fetch the paid result of a dead letter again."""
        return self._change(
            "redeliver",
            entry.id,
            set={"caller": entry.caller.without_chord().to_json()},
            unset=("failure", "finished_at", "note", "told"),
            due=_now() + _WORK_S,
            dead=False,
            keep_s=0,
        )

    def job_ended(self, conversion_id: str, job_id: str) -> tuple[Entry, float] | None:
        """Note the webhook's call: a hint (invariant I6), which is remembered until the next poll.

        A call for a conversion that is unknown, over or not posted yet, one for another job, and a
        repeated one change nothing. While a request for the job is in flight, the call is noted
        alone: whoever notes the answer looks again.

        Args:
            conversion_id: The conversion.
            job_id: As the call names it.

        Returns:
            The entry and the seconds after which it shall be polled; None where there is nothing
            to do.
        """
        with self._translated():
            wait_ms, *flat = cast(
                "list[Any]",
                self._job_ended(
                    keys=[
                        keys.conversion(conversion_id),
                        keys.turnstile(conversion_id),
                        keys.DUE,
                    ],
                    args=[conversion_id, job_id, _now(), _GRACE_S],
                ),
            )
        if not flat:
            return None
        return decode(conversion_id, fields_of(flat[0])), wait_ms / 1000

    def keep_working(self, conversion_ids: Sequence[str]) -> None:
        """Put off when these are overdue: somebody works on them.

        Args:
            conversion_ids: Those that are not in the index are left alone.
        """
        until = _now() + _WORK_S
        with self._translated():
            self._redis.zadd(keys.DUE, dict.fromkeys(conversion_ids, until), xx=True, gt=True)

    # -- indexes --------------------------------------------------------------------------------

    def claim_overdue(self, limit: int, for_s: float) -> list[Entry]:
        """Take overdue conversions to wake them; other sweeps leave them alone for a while.

        Args:
            limit: At most so many.
            for_s: Seconds for which they are this sweep's.

        Returns:
            The entries. Ids whose entry is gone are taken out of the index.
        """
        now = _now()
        with self._translated():
            ids = cast(
                "list[str]", self._claim_overdue(keys=[keys.DUE], args=[now, now + for_s, limit])
            )
        entries = self.find_many(ids)
        gone = set(ids) - {entry.id for entry in entries}
        if gone:
            with self._translated():
                self._redis.zrem(keys.DUE, *gone)
        return entries

    def dead_ids(self, before: float | None = None, limit: int | None = None) -> list[str]:
        """The ids of dead letters, the oldest first.

        Args:
            before: Only those that became one before this time, seconds since the epoch.
            limit: At most so many.
        """
        high = "+inf" if before is None else before
        with self._translated():
            return cast(
                "list[str]",
                self._redis.zrangebyscore(
                    keys.DEAD, "-inf", high, start=0, num=-1 if limit is None else limit
                ),
            )

    # -- what was learned -----------------------------------------------------------------------

    def recall_dialect(self, account: str) -> Dialect | None:
        """The dialect that an account's service was found to speak."""
        with self._translated():
            known = self._redis.get(keys.dialect(account))
        return Dialect(cast("str", known)) if known else None

    def remember_dialect(self, account: str, dialect: Dialect) -> None:
        """Remember it for a day."""
        with self._translated():
            self._redis.set(keys.dialect(account), dialect.value, ex=keys.KEEP_DIALECT_S)

    def check(self) -> None:
        """Write and read a key.

        Raises:
            LedgerUnavailable: Redis is away, full or read-only.
        """
        with self._translated():
            self._redis.set(keys.CHECK, "ok", ex=keys.KEEP_CHECK_S)
            self._redis.get(keys.CHECK)

    # -- one script -----------------------------------------------------------------------------

    def _bury(self, name: str, entry: Entry, failure: Failure, leaving: Leaving) -> Entry | None:
        return self._change(
            name,
            entry.id,
            set={"failure": dump_failure(failure), "finished_at": _now(), "note": ""},
            add={"wakeup": 1, "polls": int(leaving is not None)},
            due=_now() + _WORK_S,
            dead=_now(),
            counts={failure.kind.value: 1, "polls": int(leaving is not None)},
            leave=leaving,
        )

    def _change(self, name: str, conversion_id: str, **change: Any) -> Entry | None:
        done, flat = self._run(name, conversion_id, **change)
        if done == _NOTHING_TO_OWN:
            raise InvalidRequest(
                "An uploaded file is gone: it belongs to another conversion, or was not converted "
                "for an hour. Upload it again."
            )
        if not done:
            return None
        return decode(conversion_id, fields_of(flat))

    def _run(self, name: str, conversion_id: str, **change: Any) -> tuple[int, list[str]]:
        transition = TRANSITIONS[name]
        fields = {field: str(value) for field, value in change.pop("set", {}).items()}
        if transition.enters is not None:
            fields["state"] = transition.enters.value
        guards = {field: str(value) for field, value in change.pop("guards", {}).items()}
        given = {name: value for name, value in change.items() if value is not None}
        spec = {"leaves": sorted(transition.leaves), "set": fields, "guards": guards, **given}
        with self._translated():
            answer = self._transition(
                keys=[
                    keys.conversion(conversion_id),
                    keys.DUE,
                    keys.DEAD,
                    keys.turnstile(conversion_id),
                    keys.COUNTS,
                    keys.delivery(conversion_id),
                    keys.events(conversion_id),
                    keys.CHANGED,
                    keys.STAGING,
                ],
                args=[conversion_id, uuid4().hex, json.dumps(spec)],
            )
        return cast("tuple[int, list[str]]", answer)

    def _translated(self) -> AbstractContextManager[None]:
        return translated(self._redis)


def _with_timeout(request: ConversionRequest, timeout: int) -> ConversionRequest:
    """The same request with another parameter Timeout; the service takes names in any case."""
    others = {name: text for name, text in request.params.items() if name.lower() != "timeout"}
    return replace(request, params={**others, "Timeout": str(timeout)})


def _event(conversion_id: str, event_id: str, fields: Mapping[str, str]) -> Event:
    # A stream's ids begin with the milliseconds since the epoch.
    at = int(event_id.partition("-")[0]) / 1000
    return Event(event_id, conversion_id, State(fields["state"]), at, fields["note"])


def _held(*, held: bool) -> dict[str, Any]:
    """On hold nobody's patience runs out: it counts anew from the end of the hold."""
    return {"held": 1, "since": _now()} if held else {"held": 0}


def _now() -> float:
    return time.time()
