"""The indexes, looked over again and again: what nobody awaits, and what is not there any more.

An entry may be evicted, or deleted by hand, and so may a member of an index. What is unfinished,
and due at no time, is made due. What has lost its entry is reported, and taken out of all indexes,
so that nothing comes back to it. One look costs a batch of each index. Where it ended is kept in
Redis, so that several workers share the work, and so that no member keeps the next from its turn.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from conveyor.domain.conversion import FailureKind, State
from conveyor.ledger.connection import Client, translated
from conveyor.ledger.encoding import VERSION
from conveyor.ledger.keys import KEEP_FINISHED_S
from conveyor.ledger.scripts import script

__all__ = ["Audit", "Audited", "Lost"]

_BATCH: Final = 500
_MOST_LOST: Final = 10_000
_MOST_NEWER: Final = 10_000
_TOGETHER: Final = 200

_KIND_OF: Final = {State.QUEUED.value: "submit", State.CONVERTING.value: "poll"}
# What has ended is forgotten after a while. Dead letters stay until somebody purges them, which
# takes their ids out at once.
_FORGOTTEN: Final = (State.SUCCEEDED, State.CANCELLED)


@dataclass(frozen=True, slots=True)
class Lost:
    """A conversion whose entry is gone.

    Attributes:
        id: Its id. Nothing else is left.
        undelivered: Whether its caller does not know the outcome.
    """

    id: str
    undelivered: bool


@dataclass(frozen=True, slots=True)
class Audited:
    """What one look has found.

    Attributes:
        forgotten: Ids that were taken out of an index, as their time was over.
        awaited: Conversions that nobody awaited, and that are due now.
        lost: Those whose entry is gone, and that were not noticed before.
    """

    forgotten: int = 0
    awaited: int = 0
    lost: tuple[Lost, ...] = ()


@dataclass(frozen=True, slots=True)
class _Index:
    name: str
    key: str
    keep_s: int = 0
    state: str = ""
    account: str = ""


class Audit:
    """Looks the indexes over, and keeps the lists of what is lost and of what is newer.

    Args:
        client: From `conveyor.ledger.connect`.
    """

    def __init__(self, client: Client) -> None:
        self._redis = client
        self._keys = client.keyspace
        self._audit = client.register_script(script("audit"))
        self._lose = client.register_script(script("lose"))

    def step(self, batch: int = _BATCH) -> Audited:
        """Look a batch of each index over.

        Args:
            batch: About so many of each.

        Raises:
            LedgerUnavailable: Redis can't be reached.
        """
        forgotten, awaited, missing = 0, 0, list[str]()
        for index in self._indexes():
            with translated(self._redis):
                answer = self._audit(
                    keys=[
                        index.key,
                        self._keys.audited,
                        self._keys.due(_KIND_OF.get(index.state, "deliver")),
                        self._keys.unreadable,
                    ],
                    args=[
                        index.name,
                        batch,
                        self._keys.entry_prefix,
                        VERSION,
                        index.keep_s,
                        index.state,
                        index.account,
                        self._keys.prefix,
                    ],
                )
            taken, found, without, newer = cast("tuple[int, int, list[str], list[str]]", answer)
            forgotten, awaited = forgotten + taken, awaited + found
            missing += without
            self.record_newer(newer)
        return Audited(forgotten, awaited, tuple(self.lose(missing)))

    def lose(self, conversion_ids: Sequence[str]) -> list[Lost]:
        """Note conversions whose entry is gone.

        Args:
            conversion_ids: Their ids. One that has an entry by now is left alone.

        Returns:
            Those that were not noticed before.

        Raises:
            LedgerUnavailable: Redis can't be reached.
        """
        lost: list[Lost] = []
        distinct = list(dict.fromkeys(conversion_ids))
        for start in range(0, len(distinct), _TOGETHER):
            ids = distinct[start : start + _TOGETHER]
            with translated(self._redis):
                flat = cast(
                    "list[Any]",
                    self._lose(
                        keys=[
                            self._keys.lost,
                            self._keys.counts,
                            *self._keys.all_due,
                            *self._zsets(),
                        ],
                        args=[self._keys.prefix, _MOST_LOST, *ids],
                    ),
                )
            lost += map(Lost, flat[::2], map(bool, flat[1::2]))
        return lost

    def lost(self) -> dict[str, float]:
        """The conversions whose entry is gone, the latest ten thousand.

        Returns:
            When each was noticed, seconds since the epoch, by its id.

        Raises:
            LedgerUnavailable: Redis can't be reached.
        """
        with translated(self._redis):
            found = self._redis.zrange(self._keys.lost, 0, -1, withscores=True)
        return dict(cast("list[tuple[str, float]]", found))

    def is_lost(self, conversion_id: str) -> bool:
        """Whether a conversion's entry was noticed to be gone.

        Raises:
            LedgerUnavailable: Redis can't be reached.
        """
        with translated(self._redis):
            return self._redis.zscore(self._keys.lost, conversion_id) is not None

    def forget_lost(self, conversion_id: str) -> bool:
        """Take a conversion from the list of what is lost.

        Returns:
            Whether it was there.

        Raises:
            LedgerUnavailable: Redis can't be reached.
        """
        with translated(self._redis):
            return bool(self._redis.zrem(self._keys.lost, conversion_id))

    def record_newer(self, conversion_ids: Sequence[str]) -> None:
        """Note conversions that a later release has written: they are shown, and left alone.

        Raises:
            LedgerUnavailable: Redis can't be reached.
        """
        if conversion_ids:
            with translated(self._redis):
                now = self._redis.time()[0]
                self._redis.zadd(self._keys.newer, dict.fromkeys(conversion_ids, now))
                self._redis.zremrangebyrank(self._keys.newer, 0, -1 - _MOST_NEWER)

    def newer(self) -> list[str]:
        """The conversions that a later release has written, as far as they were met.

        Raises:
            LedgerUnavailable: Redis can't be reached.
        """
        with translated(self._redis):
            met = cast("list[str]", self._redis.zrange(self._keys.newer, 0, -1))
            pipeline = self._redis.pipeline(transaction=False)
            for conversion_id in met:
                pipeline.hmget(self._keys.conversion(conversion_id), "v", "state")
            read = pipeline.execute(raise_on_error=False) if met else []
            found = [it for it, seen in zip(met, read, strict=True) if _is_newer(seen)]
            gone = sorted(set(met) - set(found))
            if gone:
                self._redis.zrem(self._keys.newer, *gone)
        return found

    def _indexes(self) -> Iterator[_Index]:
        for state in State:
            keep_s = KEEP_FINISHED_S if state in _FORGOTTEN else 0
            name = f"state:{state.value}"
            yield _Index(name, self._keys.state(state.value), keep_s, state.value)
        yield _Index("dead", self._keys.dead)
        for kind in FailureKind:
            yield _Index(f"dead:{kind.value}", self._keys.dead_of(kind.value))
        with translated(self._redis):
            accounts = cast("set[str]", self._redis.smembers(self._keys.accounts))
        for account in sorted(accounts):
            yield _Index(f"jobs:{account}", self._keys.jobs(account), account=account)

    def _zsets(self) -> list[str]:
        """Every index of ids that is a sorted set; the script takes them out of the jobs, too."""
        return [
            *(self._keys.state(state.value) for state in State),
            self._keys.dead,
            *(self._keys.dead_of(kind.value) for kind in FailureKind),
        ]


def _is_newer(seen: Any) -> bool:
    """Whether an entry's version and state are a later release's; an error of Redis is neither."""
    if not isinstance(seen, list) or seen[1] is None:
        return False
    version, state = seen
    is_later = bool(version) and version.isascii() and version.isdigit() and int(version) > VERSION
    return is_later or state not in set(State)
