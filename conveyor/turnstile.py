"""The turnstile: single flight and spacing in one key (invariant I3).

One key a conversion. To enter is to set it, if it is absent, to a token of one's own with a lease
that outlives the request. To leave is to let the key live for the spacing, if the token is still
ours: while it does, nobody enters. So whoever finds it closed learns for how long.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Final, cast

import redis

from conveyor.ledger import keys, translated

__all__ = ["Pass", "Turnstile"]

# Timers fire up to a millisecond early, and the service measures with a clock of its own.
_MARGIN_S: Final = 0.02

_ENTER = """
if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return -1 end
return math.max(redis.call('PTTL', KEYS[1]), 0)
"""
_LEAVE = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
"""


@dataclass(frozen=True, slots=True)
class Pass:
    """The right to talk to the service about one conversion.

    Attributes:
        token: What the key holds while the pass is ours.
        wait_s: 0 when we are in; else the seconds for which the turnstile stays closed.
    """

    token: str
    wait_s: float

    @property
    def granted(self) -> bool:
        """Whether we are in."""
        return not self.wait_s


class Turnstile:
    """The turnstiles of all conversions.

    Args:
        client: Redis.
        spacing_s: From the end of one request to the start of the next.
        lease_s: Longer than the longest request: a holder that dies frees the way after it.
    """

    def __init__(self, client: redis.Redis, spacing_s: float, lease_s: float) -> None:
        self._client = client
        self._spacing_ms = round((spacing_s + _MARGIN_S) * 1000)
        self._lease_ms = round(lease_s * 1000)
        self._enter = client.register_script(_ENTER)
        self._leave = client.register_script(_LEAVE)

    def enter(self, conversion_id: str) -> Pass:
        """Try to enter; never waits.

        Args:
            conversion_id: Whose.

        Returns:
            A pass, granted or not.

        Raises:
            LedgerUnavailable: Redis can't be reached.
        """
        token = secrets.token_hex(16)
        with translated(self._client):
            closed_ms = cast(
                "int",
                self._enter(keys=[keys.turnstile(conversion_id)], args=[token, self._lease_ms]),
            )
        # A key in its last millisecond still closes the way.
        return Pass(token, 0.0 if closed_ms < 0 else max(closed_ms, 1) / 1000)

    def leave(self, conversion_id: str, granted: Pass) -> bool:
        """Leave, and keep the way closed for the spacing.

        Args:
            conversion_id: Whose.
            granted: From `enter`.

        Returns:
            Whether the pass was still ours; if not, its lease had run out.

        Raises:
            LedgerUnavailable: Redis can't be reached.
        """
        with translated(self._client):
            left = self._leave(
                keys=[keys.turnstile(conversion_id)], args=[granted.token, self._spacing_ms]
            )
        return bool(left)
