"""Dates of work that no message announces: workers look for what has come, in bounded batches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from conveyor.ledger.connection import Client, translated
from conveyor.ledger.scripts import script

__all__ = ["Dates"]


class Dates:
    """The dates of one kind of work, in Redis.

    Args:
        client: From `conveyor.ledger.connect`.
        key: The sorted set: ids by their dates.
    """

    def __init__(self, client: Client, key: str) -> None:
        self._redis = client
        self._key = key
        self._claim = client.register_script(script("claim_dates"))
        self._put_off = client.register_script(script("put_off_dates"))

    def claim(self, limit: int, lease_s: float) -> list[str]:
        """Take what is due. No other worker gets it until the lease ends.

        Args:
            limit: At most so many.
            lease_s: After so many seconds another may take what was neither done nor put off.

        Returns:
            The ids, those that have waited longest first.

        Raises:
            LedgerUnavailable: Redis can't be reached.
        """
        with translated(self._redis):
            return cast("list[str]", self._claim(keys=[self._key], args=[limit, lease_s]))

    def put_off(self, ids: Sequence[str], wait_s: float) -> None:
        """Set another date.

        Args:
            ids: What could not be done.
            wait_s: Until then, seconds.

        Raises:
            LedgerUnavailable: Redis can't be reached.
        """
        if ids:
            with translated(self._redis):
                self._put_off(keys=[self._key], args=[wait_s, *ids])

    def done(self, conversion_id: str) -> None:
        """Take out what has no date any more.

        Raises:
            LedgerUnavailable: Redis can't be reached.
        """
        with translated(self._redis):
            self._redis.zrem(self._key, conversion_id)

    def count(self) -> int:
        """How many have a date.

        Raises:
            LedgerUnavailable: Redis can't be reached.
        """
        with translated(self._redis):
            return self._redis.zcard(self._key)
