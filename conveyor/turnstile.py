"""The turnstile: single flight and spacing in one key (invariant I3).

One key a conversion. To enter is to set it, if it is absent, to a token of one's own with a lease,
which is renewed while the request lasts. To leave is to let the key live for the spacing, if the
token is still ours: while it does, nobody enters. So whoever finds it closed learns for how long.

A poll that is not the awaited one is turned away in the same round trip, and one that ends leaves
with the transition that it notes (`Pass.leaving`), so a poll costs two round trips in all.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from typing import Any, Final, cast

import redis

from conveyor.conversion import State
from conveyor.ledger import Entry, keys, script, translated
from conveyor.ledger.entry import decode, fields_of

__all__ = ["Pass", "Turnstile"]

# Timers fire up to a millisecond early, and the service measures with a clock of its own.
_MARGIN_S: Final = 0.02
_STALE: Final = -2

_RENEW = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
"""
# The token goes, so that a renewal that comes late does not prolong the spacing.
_LEAVE = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], 'left', 'PX', ARGV[2])
return 1
"""


@dataclass(frozen=True, slots=True)
class Pass:
    """The right to poll one conversion, once.

    Attributes:
        entry: The conversion as it stood when we came.
        token: What the key holds while the pass is ours.
        wait_s: 0 when we are in; else the seconds for which the turnstile stays closed.
        spacing_ms: For how long it stays closed when we leave.
    """

    entry: Entry
    token: str
    wait_s: float
    spacing_ms: int

    @property
    def granted(self) -> bool:
        """Whether we are in."""
        return not self.wait_s

    @property
    def leaving(self) -> dict[str, Any]:
        """What a transition needs to know so that it leaves for us."""
        return {"token": self.token, "for_ms": self.spacing_ms}


class Turnstile:
    """The turnstiles of all conversions.

    Args:
        client: Redis.
        spacing_s: From the end of one poll to the start of the next.
        lease_s: A holder that dies frees the way after it; one that lives renews it.
    """

    def __init__(self, client: redis.Redis, spacing_s: float, lease_s: float) -> None:
        self._client = client
        self._spacing_ms = round((spacing_s + _MARGIN_S) * 1000)
        self._lease_ms = round(lease_s * 1000)
        self._enter = client.register_script(script("enter"))
        self._renew = client.register_script(_RENEW)
        self._leave = client.register_script(_LEAVE)

    def enter(self, conversion_id: str, number: int) -> Pass | None:
        """Try to enter; never waits.

        Args:
            conversion_id: Whose.
            number: The wake-up's number.

        Returns:
            A pass, granted or not; None where the conversion does not await this poll.

        Raises:
            LedgerUnavailable: Redis can't be reached.
        """
        token = secrets.token_hex(16)
        with translated(self._client):
            closed_ms, *flat = cast(
                "list[Any]",
                self._enter(
                    keys=[
                        keys.turnstile(conversion_id),
                        keys.conversion(conversion_id),
                        keys.DUE,
                    ],
                    args=[
                        *(token, self._lease_ms, State.CONVERTING.value, number),
                        *(conversion_id, time.time()),
                    ],
                ),
            )
        if closed_ms == _STALE:
            return None
        entry = decode(conversion_id, fields_of(flat[0]))
        # A key in its last millisecond still closes the way.
        wait_s = 0.0 if closed_ms < 0 else max(closed_ms, 1) / 1000
        return Pass(entry, token, wait_s, self._spacing_ms)

    def renew(self, passed: Pass) -> None:
        """Begin the lease of a pass anew, if it is still ours.

        Args:
            passed: Of a poll that is still in flight.

        Raises:
            LedgerUnavailable: Redis can't be reached.
        """
        with translated(self._client):
            self._renew(keys=[keys.turnstile(passed.entry.id)], args=[passed.token, self._lease_ms])

    def leave(self, granted: Pass) -> bool:
        """Leave, and keep the way closed for the spacing.

        Args:
            granted: From `enter`.

        Returns:
            Whether the pass was still ours; if not, its lease had run out.

        Raises:
            LedgerUnavailable: Redis can't be reached.
        """
        with translated(self._client):
            left = self._leave(
                keys=[keys.turnstile(granted.entry.id)], args=[granted.token, granted.spacing_ms]
            )
        return bool(left)
