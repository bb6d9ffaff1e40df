"""Dead letters in Redis: tried again, asked for again, forgotten."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final, cast

from conveyor.domain.conversion import FailureKind, State
from conveyor.domain.entry import Entry
from conveyor.domain.request import ConversionRequest
from conveyor.domain.request_json import dump_request
from conveyor.ledger.callers import dump_caller
from conveyor.ledger.change_spec import FORGET
from conveyor.ledger.changes import WORK_S, Bells, Changes
from conveyor.ledger.connection import Client
from conveyor.ledger.encoding import VERSION
from conveyor.ledger.fields import OF_THE_LAST_JOB, OF_THE_TELLING, OF_USE_AT_THE_SERVICE
from conveyor.ledger.leftover import Leftover
from conveyor.ledger.records import file_field
from conveyor.ledger.scripts import script

__all__ = ["DeadEntries"]

_BATCH: Final = 200


class DeadEntries(Changes):
    """Lists dead letters, and makes live conversions of them again.

    Args:
        client: From `conveyor.ledger.connect`.
        bells: Rings for what is due.
    """

    def __init__(self, client: Client, bells: Bells | None = None) -> None:
        super().__init__(client, bells)
        self._strip_dead = client.register_script(script("strip_dead"))

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
                "request": dump_request(request),
                "submits": 0,
                "consecutive_failures": 0,
            },
            stamp=["since"],
            add={"turn": 1, "attempt": 1},
            unset=[*OF_THE_LAST_JOB, *map(file_field, entry.stored)],
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
                *("failure", "finished_at", "note", *OF_THE_TELLING, "stumbles"),
                *("missing", "missing_at", "refusal", "deadline_at"),
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
            leftovers: Leftovers to delete at the service.
        """
        ran = self._run(
            "purge",
            entry.id,
            due_in=False,
            dead=False,
            keep_s=FORGET,
            silent=True,
            leftovers=[leftover.row for leftover in leftovers],
        )
        return entry if ran.done else None

    def redeliver(self, entry: Entry) -> Entry | None:
        """Fetch the paid result of a dead letter again."""
        return self._change(
            "redeliver",
            entry.id,
            set={"caller": dump_caller(entry.caller.without_chord())},
            unset=("failure", "finished_at", "note", *OF_THE_TELLING, "stumbles", "faults"),
            due_in=WORK_S,
            dead=False,
            keep_s=0,
        )

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

        No worker reads a dead letter, so nothing else would find the damage before a replay.
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
                    self._keys.deadlines,
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
        """Remove from old dead letters the fields that only the service could use.

        Args:
            life_s: For how long the service keeps a result, seconds.
            limit: At most so many.

        Returns:
            How many were looked at.
        """
        with self._translated():
            stripped = self._strip_dead(
                keys=[self._keys.dead, self._keys.stripped],
                args=[life_s, limit, self._keys.entry_prefix, VERSION, *OF_USE_AT_THE_SERVICE],
            )
        return cast("int", stripped)


def _with_timeout(request: ConversionRequest, timeout: int) -> ConversionRequest:
    """Copy a request with another Timeout; the service takes names in any case."""
    others = {name: text for name, text in request.params.items() if name.lower() != "timeout"}
    return replace(request, params={**others, "Timeout": str(timeout)})
