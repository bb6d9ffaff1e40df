"""The list of leftovers at the service, in Redis: jobs, results and uploads to delete.

A DELETE that fails must be repeated, and nobody waits for it. So what is to be deleted is noted
here, in the same step that ends its conversion where that is possible, and the workers' clean-up
works it off (`workers.cleanup`). What is still noted is still at the service.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, cast

from conveyor.ledger.connection import Client, translated
from conveyor.ledger.leftover import Leftover, read_leftover
from conveyor.ledger.scripts import script

__all__ = ["Leftovers"]


# What we can't read is left to those who can for so long, before we look at it again.
_LEAVE_S: Final = 300.0
_MOST_BATCHES: Final = 50


@dataclass(frozen=True, slots=True)
class _Row:
    """What a claim answers of a leftover: its id, how often it failed, and its record."""

    id: str
    failures: str
    record: str


class Leftovers:
    """What is to be deleted at the service, in Redis.

    Args:
        client: From `conveyor.ledger.connect`.
    """

    def __init__(self, client: Client) -> None:
        self._redis = client
        self._keys = client.keyspace
        self._both = (self._keys.leftovers, self._keys.leftover_records)
        self._add = client.register_script(script("add_leftovers"))
        self._claim = client.register_script(script("claim_leftovers"))
        self._postpone = client.register_script(script("postpone_leftovers"))
        self._clear = client.register_script(script("clear_leftovers"))

    def add(self, leftovers: Sequence[Leftover]) -> None:
        """Note what is to be deleted. Twice does no harm: the second DELETE finds nothing.

        Raises:
            LedgerUnavailable: Redis can't be reached.
        """
        if leftovers:
            rows = json.dumps([leftover.row for leftover in leftovers])
            with translated(self._redis):
                self._add(keys=self._both, args=[rows])

    def claim(self, limit: int, lease_s: float) -> list[Leftover]:
        """Claim due leftovers. No other worker gets them until the lease ends.

        Args:
            limit: At most so many.
            lease_s: After so many seconds another may take what was neither cleared nor put off:
                whoever took it has died.

        Returns:
            What to delete. What the service has removed by itself is dropped and counted. While a
            pause lasts there is nothing to delete. A record that can't be read is put off, as a
            later release may have written it, and the next are taken.

        Raises:
            LedgerUnavailable: Redis can't be reached.
        """
        for _ in range(_MOST_BATCHES):
            rows = self._claimed(limit, lease_s)
            found = {row.id: read_leftover(row.failures, row.record) for row in rows}
            self._leave([leftover_id for leftover_id, it in found.items() if it is None])
            readable = [leftover for leftover in found.values() if leftover is not None]
            if readable or not rows:
                return readable
        return []

    def _claimed(self, limit: int, lease_s: float) -> list[_Row]:
        with translated(self._redis):
            flat = cast(
                "list[str]",
                self._claim(
                    keys=[
                        *self._both,
                        self._keys.leftovers_pause,
                        self._keys.counts,
                    ],
                    args=[limit, lease_s],
                ),
            )
        return list(map(_Row, flat[::3], flat[1::3], flat[2::3]))

    def _leave(self, leftover_ids: Sequence[str]) -> None:
        if leftover_ids:
            with translated(self._redis):
                self._postpone(keys=self._both, args=[_LEAVE_S, 0, *leftover_ids])

    def done(self, leftovers: Sequence[Leftover]) -> None:
        """Take out what is no longer at the service.

        Raises:
            LedgerUnavailable: Redis can't be reached.
        """
        self._take_out("deleted", leftovers)

    def give_up(self, leftovers: Sequence[Leftover]) -> None:
        """Take out what can never be deleted.

        Raises:
            LedgerUnavailable: Redis can't be reached.
        """
        self._take_out("not_deleted", leftovers)

    def later(self, leftover: Leftover, wait_s: float) -> None:
        """Note a DELETE that failed.

        Args:
            leftover: As it was claimed.
            wait_s: Until the next try, seconds.

        Raises:
            LedgerUnavailable: Redis can't be reached.
        """
        self._put_off([leftover], wait_s, failed=True)

    def give_back(self, leftovers: Sequence[Leftover]) -> None:
        """Return claimed leftovers that were not tried.

        Raises:
            LedgerUnavailable: Redis can't be reached.
        """
        self._put_off(leftovers, 0, failed=False)

    def pause(self, for_s: float) -> None:
        """Pause all claims for a while because the service asked to wait.

        Args:
            for_s: Seconds.

        Raises:
            LedgerUnavailable: Redis can't be reached.
        """
        with translated(self._redis):
            self._redis.set(self._keys.leftovers_pause, "1", px=max(round(for_s * 1000), 1))

    def count(self) -> int:
        """How much is still at the service.

        Raises:
            LedgerUnavailable: Redis can't be reached.
        """
        with translated(self._redis):
            return self._redis.zcard(self._keys.leftovers)

    def _take_out(self, name: str, leftovers: Sequence[Leftover]) -> None:
        if leftovers:
            with translated(self._redis):
                self._clear(
                    keys=[*self._both, self._keys.counts],
                    args=[name, *(leftover.id for leftover in leftovers)],
                )

    def _put_off(self, leftovers: Sequence[Leftover], wait_s: float, *, failed: bool) -> None:
        if leftovers:
            with translated(self._redis):
                self._postpone(
                    keys=self._both,
                    args=[wait_s, int(failed), *(leftover.id for leftover in leftovers)],
                )
