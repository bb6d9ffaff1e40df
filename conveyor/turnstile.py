"""The turnstile: single flight and spacing in one key (invariant I3).

One key a conversion. To enter is to set it, if it is absent, to a token of one's own with a lease,
which is renewed while the request lasts. To leave is to let the key live for the spacing, if the
token is still ours: while it does, nobody enters. So whoever finds it closed learns for how long.

The POST enters, too, with the transition that records it: while it is in flight nobody polls its
job (`Turnstile.for_post`, `Pass.entering`).

A poll that is not the awaited one is turned away in the same round trip, and a request that ends
leaves with the transition that it notes (`Pass.leaving`), so a poll costs two round trips in all.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any, Final, cast

from conveyor.conversion import State
from conveyor.ledger import Client, Entry, script, translated
from conveyor.ledger.entry import VERSION, decode, fields_of

__all__ = ["Pass", "Turnstile"]

# Timers fire up to a millisecond early, and the service measures with a clock of its own.
_MARGIN_S: Final = 0.02
_STALE: Final = -2


@dataclass(frozen=True, slots=True)
class Pass:
    """The right to make one request about one conversion's job.

    Attributes:
        entry: The conversion as it stood when we came.
        token: What the key holds while the pass is ours.
        wait_s: 0 when we are in; else the seconds for which the turnstile stays closed.
        lease_ms: For how long it is ours if we never leave.
        spacing_ms: For how long it stays closed when we leave.
        is_poll: Whether the request is a poll; else it is the POST.
        is_left: Where it is closed: whether nobody is in, and only the spacing runs.
    """

    entry: Entry
    token: str
    wait_s: float
    lease_ms: int
    spacing_ms: int
    is_poll: bool = True
    is_left: bool = False

    @property
    def granted(self) -> bool:
        """Whether we are in."""
        return not self.wait_s

    @property
    def entering(self) -> dict[str, Any]:
        """What a transition needs to know so that it enters for us."""
        return {"token": self.token, "for_ms": self.lease_ms}

    @property
    def leaving(self) -> dict[str, Any]:
        """What a transition needs to know so that it leaves for us."""
        return self.leaving_for(0)

    def leaving_for(self, least_s: float) -> dict[str, Any]:
        """The same, where nobody may enter for longer than the spacing.

        Args:
            least_s: As long as the service asks for, seconds.
        """
        for_ms = max(self.spacing_ms, round(least_s * 1000))
        return {"token": self.token, "for_ms": for_ms, "polls": int(self.is_poll)}


class Turnstile:
    """The turnstiles of all conversions.

    Args:
        client: Redis.
        spacing_s: From the end of one poll to the start of the next.
        lease_s: A holder that dies frees the way after it; one that lives renews it.
    """

    def __init__(self, client: Client, spacing_s: float, lease_s: float) -> None:
        self._client = client
        self._keys = client.keyspace
        self._spacing_ms = round((spacing_s + _MARGIN_S) * 1000)
        self._lease_ms = round(lease_s * 1000)
        self._enter = client.register_script(script("enter"))
        self._renew = client.register_script(script("renew"))
        self._leave = client.register_script(script("leave"))

    def enter(self, conversion_id: str, number: int) -> Pass | None:
        """Try to enter for a poll; never waits.

        Args:
            conversion_id: The conversion's id.
            number: The wake-up's number.

        Returns:
            A pass, granted or not; None where the conversion does not await this poll.

        Raises:
            LedgerUnavailable: Redis can't be reached.
            UnreadableConversion: The entry can't be read.
        """
        token = secrets.token_hex(16)
        with translated(self._client):
            closed_ms, *found = cast(
                "list[Any]",
                self._enter(
                    keys=[
                        self._keys.turnstile(conversion_id),
                        self._keys.conversion(conversion_id),
                        self._keys.due,
                    ],
                    args=[
                        *(token, self._lease_ms, State.CONVERTING.value, number),
                        *(conversion_id, VERSION),
                    ],
                ),
            )
        if closed_ms == _STALE:
            return None
        is_left, now, flat = found
        entry = decode(conversion_id, fields_of(flat), float(now))
        # A key in its last millisecond still closes the way.
        wait_s = 0.0 if closed_ms < 0 else max(closed_ms, 1) / 1000
        return self._pass(entry, token, wait_s=wait_s, is_left=bool(is_left))

    def for_post(self, entry: Entry) -> Pass:
        """A pass for the POST; the transition that records the intent enters with it.

        Args:
            entry: The conversion that is about to be posted.
        """
        return self._pass(entry, secrets.token_hex(16), is_poll=False)

    def renew(self, passed: Pass) -> None:
        """Begin the lease of a pass anew, if it is still ours.

        Args:
            passed: Of a request that is still in flight.

        Raises:
            LedgerUnavailable: Redis can't be reached.
        """
        with translated(self._client):
            self._renew(
                keys=[self._keys.turnstile(passed.entry.id)], args=[passed.token, self._lease_ms]
            )

    def leave(self, granted: Pass) -> bool:
        """Leave, and keep the way closed for the spacing.

        Args:
            granted: From `enter` or `for_post`.

        Returns:
            Whether the pass was still ours; if not, its lease had run out.

        Raises:
            LedgerUnavailable: Redis can't be reached.
        """
        with translated(self._client):
            left = self._leave(
                keys=[self._keys.turnstile(granted.entry.id)],
                args=[granted.token, granted.spacing_ms],
            )
        return bool(left)

    def _pass(self, entry: Entry, token: str, *, wait_s: float = 0.0, **kind: bool) -> Pass:
        return Pass(entry, token, wait_s, self._lease_ms, self._spacing_ms, **kind)
