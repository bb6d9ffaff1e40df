"""A lease: single flight without spacing. Who brings a conversion's outcome to its caller.

As in the turnstile, the key holds a token of the holder's own, lives for a while, is renewed while
the holder works, and is released by whoever holds its token alone.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any, cast

from conveyor.ledger import Client, Entry, script, translated
from conveyor.ledger.entry import VERSION, decode, fields_of

__all__ = ["Deliveries"]


@dataclass(frozen=True, slots=True)
class _Held:
    token: str
    entry: Entry


class Deliveries:
    """The leases of all deliveries.

    Args:
        client: Redis.
        lease_s: A holder that dies frees the way after it; one that lives renews it.
    """

    def __init__(self, client: Client, lease_s: float) -> None:
        self._client = client
        self._keys = client.keyspace
        self._lease_ms = round(lease_s * 1000)
        # In the whole fleet one holds a conversion's, so its id is enough to know ours.
        self._held: dict[str, _Held] = {}
        self._acquire = client.register_script(script("deliver"))
        self._renew = client.register_script(script("renew"))
        self._release = client.register_script(script("release"))

    def acquire(self, conversion_id: str) -> Entry | None:
        """Try to be the one who delivers; never waits.

        Args:
            conversion_id: The conversion.

        Returns:
            The conversion, where we are; None where another delivers it, or it is forgotten.

        Raises:
            LedgerUnavailable: Redis can't be reached.
        """
        token = secrets.token_hex(16)
        with translated(self._client):
            taken, *found = cast(
                "list[Any]",
                self._acquire(
                    keys=[
                        self._keys.delivery(conversion_id),
                        self._keys.conversion(conversion_id),
                        self._keys.due,
                    ],
                    args=[token, self._lease_ms, conversion_id, VERSION],
                ),
            )
        if not taken:
            return None
        now, flat = found
        entry = decode(conversion_id, fields_of(flat), float(now))
        self._held[conversion_id] = _Held(token, entry)
        return entry

    def renew(self, conversion_id: str) -> bool:
        """Begin the lease anew, if it is still ours.

        Returns:
            Whether it is. If not, it had lapsed, and another may deliver by now.

        Raises:
            LedgerUnavailable: Redis can't be reached.
        """
        token = self.token_of(conversion_id)
        with translated(self._client):
            renewed = self._renew(
                keys=[self._keys.delivery(conversion_id)], args=[token, self._lease_ms]
            )
        return bool(renewed)

    def release(self, conversion_id: str) -> None:
        """End the lease, if it is still ours.

        Raises:
            LedgerUnavailable: Redis can't be reached.
        """
        token, _ = self.hand_over(conversion_id)
        with translated(self._client):
            self._release(keys=[self._keys.delivery(conversion_id)], args=[token])

    def token_of(self, conversion_id: str) -> str:
        """The token of our lease; empty where it is not ours."""
        held = self._held.get(conversion_id)
        return held.token if held else ""

    def ended(self, entry: Entry) -> None:
        """Remember how a conversion has ended, until its lease is handed over."""
        held = self._held.get(entry.id)
        if held:
            self._held[entry.id] = _Held(held.token, entry)

    def hand_over(self, conversion_id: str) -> tuple[str, Entry | None]:
        """Leave it to a transition of the ledger to end the lease.

        Returns:
            The token, and the conversion as it stood last; empty and None where the lease is not
            ours.
        """
        held = self._held.pop(conversion_id, None)
        return (held.token, held.entry) if held else ("", None)
