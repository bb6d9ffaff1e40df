"""Notices in Redis: events of conversions on their way to receivers, each until it is through.

A transition that changes a conversion's state writes its notice in the same step, so none is lost
and none tells of what did not happen. A notice has a date of its own, in the lane of its receiver.
A claim takes a few of each receiver by turns, by the server's clock. What was claimed is due again
after its lease, so a worker that dies loses none, and a receiver may get one twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, cast

from conveyor.domain.notice import TRIED_FOR_S, Notice, NoticeStatus, Try
from conveyor.ledger.connection import Client, translated
from conveyor.ledger.due import NOTIFY
from conveyor.ledger.notice_records import NAMES, dump_try, load_notice, load_try
from conveyor.ledger.scripts import script

__all__ = ["CallbackCounts", "ClaimedNotice", "Noted", "Notices", "Outcome"]

_PAGE: Final = 200

Ring = Callable[[str, str, str], None]
"""`conveyor.ledger.changes.Changes.ring`."""


class Outcome:
    """What a try leads to, by the script's words."""

    RECEIVED: Final = "received"
    GIVEN_UP: Final = "given_up"
    AGAIN: Final = "again"


@dataclass(frozen=True, slots=True)
class ClaimedNotice:
    """A notice that the caller may try now.

    Attributes:
        conversion_id: The conversion's id.
        number: Its number there.
        tries: How often it was tried before.
        notice: What it says; None where it can't be read.
        now: The time at Redis when it was claimed.
    """

    conversion_id: str
    number: int
    tries: int
    notice: Notice | None
    now: float


@dataclass(frozen=True, slots=True)
class Noted:
    """What became of a try.

    Attributes:
        outcome: One of `Outcome`.
        wait_s: Until the next try, seconds.
        line: The try, for the log. Its date and number are the ledger's.
        slow_s: For how long the receiver gets one notice at a time, seconds.
    """

    outcome: str
    line: Try
    wait_s: float = 0.0
    slow_s: float = 0.0


@dataclass(frozen=True, slots=True)
class CallbackCounts:
    """How many notices there are.

    Attributes:
        pending: On their way.
        received: Received within the last ten days.
        given_up: Given up within the last ten days.
        oldest_pending_s: For how long the oldest pending one has been on its way, seconds.
    """

    pending: int
    received: int
    given_up: int
    oldest_pending_s: float


class Notices:
    """The notices.

    Args:
        client: From `conveyor.ledger.connect`.
        ring: Sends a bell where a script says that one has to come.
    """

    def __init__(self, client: Client, ring: Ring) -> None:
        self._redis = client
        self._keys = client.keyspace
        self._ring = ring
        self._claim = client.register_script(script("claim_notices"))
        self._note = client.register_script(script("note_try"))
        self._replay = client.register_script(script("replay_notice"))
        self._audit = client.register_script(script("audit_notices"))
        self._erase = client.register_script(script("erase_notices"))

    def claim(
        self,
        limit: int,
        per_receiver: int,
        lease_s: float,
        *,
        rings: bool = False,
        at: float = 0.0,
    ) -> list[ClaimedNotice]:
        """Take notices that are due. Nobody else gets them until the lease ends.

        Args:
            limit: At most so many.
            per_receiver: So many of one receiver may be under way in the whole fleet.
            lease_s: After so many seconds another may take what was not noted.
            rings: Whether to ring for what is left.
            at: When the bell was to come, by Redis' clock.

        Raises:
            LedgerUnavailable: Redis can't be reached.
        """
        with translated(self._redis):
            now, wait_s, rows = cast(
                "tuple[str, str, list[list[str]]]",
                self._claim(
                    keys=[self._keys.due(NOTIFY), self._keys.counts],
                    args=[
                        *(self._keys.prefix, limit, per_receiver, lease_s, int(rings), at),
                        *NAMES,
                    ],
                ),
            )
        self._ring(NOTIFY, wait_s, now)
        return [_claimed(row, float(now)) for row in rows]

    def note(self, claimed: ClaimedNotice, noted: Noted, per_receiver: int) -> str:
        """Note a try.

        Args:
            claimed: What was tried.
            noted: What became of it.
            per_receiver: As in `claim`.

        Returns:
            The notice's status; empty where it was erased meanwhile.

        Raises:
            LedgerUnavailable: Redis can't be reached.
        """
        conversion_id = claimed.conversion_id
        with translated(self._redis):
            status, wait_s, now = cast(
                "tuple[str, str, str]",
                self._note(
                    keys=[
                        self._keys.notices_of(conversion_id),
                        self._keys.tries_of(conversion_id),
                        self._keys.counts,
                    ],
                    args=[
                        *(self._keys.prefix, conversion_id, claimed.number, claimed.tries),
                        *(noted.outcome, noted.wait_s, TRIED_FOR_S, per_receiver),
                        *(round(noted.slow_s), dump_try(claimed.number, noted.line)),
                        noted.line.reason.value if noted.line.reason else "",
                    ],
                ),
            )
        self._ring(NOTIFY, wait_s, now)
        return status

    def replay(self, conversion_id: str, number: int) -> bool:
        """Send a notice again, under the id that it has.

        Args:
            conversion_id: The conversion's id.
            number: The notice's number there.

        Returns:
            Whether there is one.

        Raises:
            LedgerUnavailable: Redis can't be reached.
        """
        with translated(self._redis):
            found, wait_s, now = cast(
                "tuple[int, str, str]",
                self._replay(
                    keys=[self._keys.notices_of(conversion_id)],
                    args=[self._keys.prefix, conversion_id, number],
                ),
            )
        self._ring(NOTIFY, wait_s, now)
        return bool(found)

    def erase(self, conversion_id: str) -> int:
        """Forget all notices of a conversion, and the log of their tries.

        Args:
            conversion_id: The conversion's id.

        Returns:
            How many there were.

        Raises:
            LedgerUnavailable: Redis can't be reached.
        """
        with translated(self._redis):
            return cast(
                "int",
                self._erase(
                    keys=[self._keys.notices_of(conversion_id)],
                    args=[self._keys.prefix, conversion_id],
                ),
            )

    def audit(self, batch: int) -> int:
        """Look a batch of pending notices over, so that none waits for ever.

        Args:
            batch: About so many.

        Returns:
            How many had no date, and are due now.

        Raises:
            LedgerUnavailable: Redis can't be reached.
        """
        with translated(self._redis):
            due, _, wait_s, now = cast(
                "tuple[int, int, str, str]",
                self._audit(
                    keys=[self._keys.notices("pending"), self._keys.audited, self._keys.counts],
                    args=[self._keys.prefix, batch],
                ),
            )
        self._ring(NOTIFY, wait_s, now)
        return due

    def of(self, conversion_id: str) -> list[Notice]:
        """The notices of a conversion, the oldest first, each with its tries.

        Args:
            conversion_id: The conversion's id.

        Raises:
            LedgerUnavailable: Redis can't be reached.
        """
        with translated(self._redis):
            pipeline = self._redis.pipeline(transaction=False)
            pipeline.hgetall(self._keys.notices_of(conversion_id))
            pipeline.lrange(self._keys.tries_of(conversion_id), 0, -1)
            pipeline.time()
            fields, lines, (seconds, _) = pipeline.execute()
        log = [each for each in map(load_try, lines) if each is not None]
        read = (
            load_notice(conversion_id, number, _fields_of(fields, number), float(seconds), log)
            for number in _numbers(fields)
        )
        return [notice for notice in read if notice is not None]

    def page(
        self, status: NoticeStatus | None, since: float, until: float, limit: int
    ) -> tuple[list[Notice], float | None]:
        """Notices of any conversion, those of the latest events first, without their tries.

        Args:
            status: Only those with this status; None for all.
            since: Only events from then on, by Redis' clock.
            until: Only events before that.
            limit: At most so many.

        Returns:
            The notices, and up to when the next page goes; None where there is none.

        Raises:
            LedgerUnavailable: Redis can't be reached.
        """
        statuses = tuple(NoticeStatus) if status is None else (status,)
        with translated(self._redis):
            pipeline = self._redis.pipeline(transaction=False)
            for each in statuses:
                pipeline.zrevrangebyscore(
                    self._keys.notices(each.value),
                    f"({until}",
                    since,
                    start=0,
                    num=limit,
                    withscores=True,
                )
            found = [pair for pairs in pipeline.execute() for pair in pairs]
        found.sort(key=lambda pair: (-pair[1], pair[0]))
        following = found[limit - 1][1] if len(found) >= limit else None
        return self._read([member for member, _ in found[:limit]]), following

    def counts(self) -> CallbackCounts:
        """How many notices there are.

        Raises:
            LedgerUnavailable: Redis can't be reached.
        """
        with translated(self._redis):
            pipeline = self._redis.pipeline(transaction=False)
            for status in NoticeStatus:
                pipeline.zcard(self._keys.notices(status.value))
            pipeline.zrange(self._keys.notices("pending"), 0, 0, withscores=True)
            pipeline.time()
            pending, received, given_up, oldest, (seconds, _) = pipeline.execute()
        age_s = max(seconds - oldest[0][1], 0.0) if oldest else 0.0
        return CallbackCounts(pending, received, given_up, age_s)

    def _read(self, members: Sequence[str]) -> list[Notice]:
        notices = []
        for start in range(0, len(members), _PAGE):
            some = [_split(member) for member in members[start : start + _PAGE]]
            with translated(self._redis):
                pipeline = self._redis.pipeline(transaction=False)
                for number, conversion_id in some:
                    names = [f"{number}:{name}" for name in NAMES]
                    pipeline.hmget(self._keys.notices_of(conversion_id), names)
                pipeline.time()
                *rows, (seconds, _) = pipeline.execute()
            for (number, conversion_id), row in zip(some, rows, strict=True):
                fields = {name: text or "" for name, text in zip(NAMES, row, strict=True)}
                notices.append(load_notice(conversion_id, number, fields, float(seconds)))
        return [notice for notice in notices if notice is not None]


def _claimed(row: Sequence[str], now: float) -> ClaimedNotice:
    number, conversion_id, *texts = row
    fields = dict(zip(NAMES, texts, strict=True))
    notice = load_notice(conversion_id, int(number), fields, now)
    tries = int(fields["tries"]) if fields["tries"].isdecimal() else 0
    return ClaimedNotice(conversion_id, int(number), tries, notice, now)


def _split(member: str) -> tuple[int, str]:
    number, _, conversion_id = member.partition(" ")
    return (int(number) if number.isdecimal() else 0), conversion_id


def _numbers(fields: Mapping[str, str]) -> list[int]:
    found = (name.removesuffix(":id") for name in fields if name.endswith(":id"))
    return sorted(int(number) for number in found if number.isdecimal())


def _fields_of(fields: Mapping[str, str], number: int) -> dict[str, str]:
    return {name: fields.get(f"{number}:{name}", "") for name in NAMES}
