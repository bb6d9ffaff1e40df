"""The turnstile: one poll at a time, with spacing, in one key (invariant I3).

One key a conversion. To enter is to set it, if it is absent, to a token of one's own with a lease,
which is renewed while the request lasts (`workers.heartbeat`). To leave after a poll is to let the
key live for the spacing, if the token is still ours: while it does, nobody enters.

Claims enter, for many conversions in one step (`conveyor.ledger.claims`). Who submits enters, too:
while a POST is in flight nobody polls its job. The spacing is one between polls. So a POST leaves
the way open, and a webhook that calls a second later is answered at once. A request that ends
leaves with the transition that notes its answer (`Pass.leaving`).
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from math import inf
from typing import Final

from conveyor.ledger import Client, Entry, Leaving, Tenure, script, translated

__all__ = ["Pass", "Turnstile"]

# Timers fire up to a millisecond early, and the service measures with a clock of its own.
_MARGIN_S: Final = 0.02
# Who is stopped with a fresh pass for this share of its lease begins nothing with it any more.
_FRESH: Final = 2 / 3


@dataclass(frozen=True, slots=True)
class Pass:
    """The right to make one request about one conversion's job.

    Attributes:
        entry: The conversion as it stood when we came.
        token: What the key holds while the pass is ours.
        lease_ms: For how long it is ours if we never leave.
        spacing_ms: For how long it stays closed when we leave; 0 after a POST.
        is_poll: Whether the request is a poll; else it is the POST.
        good_until: Later it is too late to begin the request; as ``time.monotonic()`` has it.
    """

    entry: Entry
    token: str
    lease_ms: int
    spacing_ms: int
    is_poll: bool = True
    good_until: float = inf

    @property
    def is_late(self) -> bool:
        """Whether its lease may have lapsed before anything was begun: others are in by then."""
        return time.monotonic() > self.good_until

    @property
    def entering(self) -> Tenure:
        """The arguments with which a transition enters the turnstile."""
        return Tenure(self.token, self.lease_ms)

    @property
    def leaving(self) -> Leaving:
        """The arguments with which a transition leaves the turnstile."""
        return self.leaving_for(0)

    def leaving_for(self, least_s: float) -> Leaving:
        """What a transition needs to know so that it leaves for us, and stays closed for longer.

        Args:
            least_s: As long as the service asks for, seconds.
        """
        for_ms = max(self.spacing_ms, round(least_s * 1000))
        return Leaving(self.token, for_ms, self.is_poll)


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
        self._leave = client.register_script(script("leave"))

    @property
    def lease_s(self) -> float:
        """For how long a pass is its holder's who never leaves, seconds."""
        return self._lease_ms / 1000

    def passing(self, entry: Entry, token: str, asked_at: float, *, is_poll: bool) -> Pass:
        """The pass of a conversion that was taken by `conveyor.ledger.claims`, which enters for us.

        Args:
            entry: The conversion, as it was taken.
            token: What its turnstile holds.
            asked_at: When it was asked for, by ``time.monotonic()``.
            is_poll: Whether it was taken to be polled; else it is to be posted.
        """
        good_until = asked_at + self.lease_s * _FRESH
        spacing_ms = self._spacing_ms if is_poll else 0
        return Pass(entry, token, self._lease_ms, spacing_ms, is_poll, good_until)

    def leave(self, granted: Pass) -> bool:
        """Leave; after a poll the way stays closed for the spacing.

        Args:
            granted: From `passing`.

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
