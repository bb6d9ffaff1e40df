"""What audits find, and whoever reads entries: missing ones, and those of a later release.

Both are listed in Redis until somebody discards them, so that they are shown where nothing else
would show them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from conveyor.domain.conversion import FailureKind, State
from conveyor.ledger.connection import Client, translated
from conveyor.ledger.encoding import VERSION
from conveyor.ledger.scripts import script

__all__ = ["Findings", "Lost"]

_MOST_LOST: Final = 10_000
_MOST_NEWER: Final = 10_000
_TOGETHER: Final = 200


@dataclass(frozen=True, slots=True)
class Lost:
    """A conversion with a missing entry.

    Attributes:
        id: Its id. Nothing else is left.
        undelivered: Whether its caller does not know the outcome.
    """

    id: str
    undelivered: bool


class Findings:
    """The lists of what is lost and of what is newer.

    Args:
        client: From `conveyor.ledger.connect`.
    """

    def __init__(self, client: Client) -> None:
        self._redis = client
        self._keys = client.keyspace
        self._lose = client.register_script(script("lose"))

    def lose(self, conversion_ids: Sequence[str]) -> list[Lost]:
        """Note conversions with a missing entry.

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
        """The conversions with a missing entry, the latest ten thousand.

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

    def _zsets(self) -> list[str]:
        """Every index of ids that is a sorted set; the script takes them out of the jobs, too."""
        return [
            *(self._keys.state(state.value) for state in State),
            self._keys.dead,
            self._keys.deadlines,
            *(self._keys.dead_of(kind.value) for kind in FailureKind),
        ]


def _is_newer(seen: Any) -> bool:
    """Whether an entry's version and state are a later release's; an error of Redis is neither."""
    if not isinstance(seen, list) or seen[1] is None:
        return False
    version, state = seen
    is_later = bool(version) and version.isascii() and version.isdigit() and int(version) > VERSION
    return is_later or state not in set(State)
