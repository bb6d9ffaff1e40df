"""Claims: what is due is taken many at a time, and only what may go (invariants I3, I4).

One script takes it, enters each turnstile, and decides what the account may do now. What may not go
is not taken: it waits in the ledger, in the order of its acceptance, and costs nothing.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Mapping
from functools import partial
from typing import Any, Final, cast

from conveyor.ledger import Client, Ledger, script, translated
from conveyor.ledger.claimed import Claimed, Due, passes_of
from conveyor.ledger.due import KINDS, NOTIFY
from conveyor.ledger.encoding import VERSION
from conveyor.ledger.governor import Admission, Governor
from conveyor.ledger.turnstile import Turnstile

__all__ = ["Claims"]

# What a later release has written is left to its workers for so long, and then put off for as long.
_LEAVE_NEWER_S: Final = 30.0
# Who takes a delivery brings it on its way at once. If he dies, the next one comes after it.
_DELIVERY_S: Final = 10.0
# So long after its time something is overdue: its bell was lost.
_GRACE_S: Final = 0.5


class Claims:
    """Takes what is due.

    Args:
        client: Redis.
        ledger: The truth; its bells ring for what a claim leaves.
        turnstile: Single flight and spacing.
        governor: What the account may do.
        hold_s: How long a conversion waits for the account, seconds.
    """

    def __init__(
        self,
        client: Client,
        ledger: Ledger,
        turnstile: Turnstile,
        governor: Governor,
        hold_s: float,
    ) -> None:
        self._client = client
        self._keys = client.keyspace
        self._ledger = ledger
        self._turnstile = turnstile
        self._governor = governor
        self._hold_s = hold_s
        self._claim = client.register_script(script("claim"))
        self._overdue = client.register_script(script("overdue"))
        self._put_off = client.register_script(script("put_off"))

    def submits(self, limit: int, at: float = 0.0) -> Claimed:
        """Take what is to be submitted.

        Args:
            limit: At most so many.
            at: When the bell was to come, by Redis' clock.

        Raises:
            LedgerUnavailable: Redis can't be reached.
        """
        return self._take("submit", limit, at, self._governor.claiming(self._hold_s))

    def polls(self, limit: int, at: float = 0.0) -> Claimed:
        """Take what is to be polled; as `submits`."""
        return self._take("poll", limit, at, {})

    def deliveries(self, limit: int, at: float = 0.0) -> Claimed:
        """Take what is to be brought to its caller; as `submits`.

        No turnstile is entered: who delivers it takes a lease of his own.
        """
        return self._take("deliver", limit, at, {})

    def put_off(self, kind: str, wait_s: float, at: float = 0.0) -> None:
        """Schedule a later bell because this worker is full; there is at most one bell per slot.

        Args:
            kind: For what.
            wait_s: Until there may be room, seconds.
            at: When the bell was to come that is put off, by Redis' clock.

        Raises:
            LedgerUnavailable: Redis can't be reached.
        """
        with translated(self._client):
            again_s, now = cast(
                "tuple[str, str]",
                self._put_off(
                    keys=[self._keys.due(kind)], args=[self._keys.prefix, kind, wait_s, at]
                ),
            )
        self._ledger.ring(kind, again_s, now)

    def overdue(self) -> list[Due]:
        """For which kinds a bell is to be rung, because what is due was not taken.

        The same process rings: others find a mark.

        Raises:
            LedgerUnavailable: Redis can't be reached.
        """
        with translated(self._client):
            flat = cast(
                "list[Any]",
                self._overdue(
                    keys=[*self._keys.all_due, self._keys.due(NOTIFY)],
                    args=[self._keys.prefix, _GRACE_S, *KINDS, NOTIFY],
                ),
            )
        return list(map(Due, flat[::2], flat[1::2]))

    def _take(self, kind: str, limit: int, at: float, account: Mapping[str, Any]) -> Claimed:
        token = secrets.token_hex(16)
        is_delivery = kind == "deliver"
        ask = {
            "kind": kind,
            "limit": limit,
            "lease_s": _DELIVERY_S if is_delivery else self._turnstile.lease_s,
            "version": VERSION,
            "leave_s": _LEAVE_NEWER_S,
            "token": token,
            **({"at": at} if at else {}),
            **account,
        }
        keys = [
            self._keys.due(kind),
            self._keys.account(self._governor.account),
            self._keys.jobs(self._governor.account),
            self._keys.accounts,
        ]
        asked_at = time.monotonic()
        with translated(self._client):
            answer = cast(
                "list[Any]", self._claim(keys=keys, args=[json.dumps(ask), self._keys.prefix])
            )
        now, again_s, later, reason, *flags, gone, damaged, newer, taken_rows, spent_rows = answer
        passing = partial(
            self._turnstile.passing, token=token, asked_at=asked_at, is_poll=kind == "poll"
        )
        read = partial(passes_of, now=float(now), passing=passing)
        taken, spent = (read(flat, damaged, newer) for flat in (taken_rows, spent_rows))
        if damaged and kind == "submit":
            # Nothing of theirs was submitted: their places are for others, who come at once.
            self._governor.release(*damaged)
            again_s = "0"
        for wait_s in (again_s, *later):
            self._ledger.ring(kind, wait_s, now)
        self._ledger.set_aside(damaged)
        self._ledger.audit.record_newer(newer)
        return Claimed(
            taken,
            spent,
            Admission(reason, *map(bool, flags)),
            self._ledger.audit.lose(gone),
        )
