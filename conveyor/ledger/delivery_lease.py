"""The delivery lease: only one process at a time delivers a conversion's outcome.

As in the turnstile, the key holds a token of the holder's own, lives for a while, is renewed while
the holder works, and is released by whoever holds its token alone.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any, cast

from conveyor.ledger import Client, Entry, Tenure, script, translated
from conveyor.ledger.encoding import VERSION, decode, fields_of

__all__ = ["DeliveryLeases", "Lease"]


class DeliveryLeases:
    """The leases of all deliveries.

    Args:
        client: Redis.
        lease_s: A holder that dies frees the way after it; one that lives renews it.
    """

    def __init__(self, client: Client, lease_s: float) -> None:
        self._client = client
        self._keys = client.keyspace
        self._lease_ms = round(lease_s * 1000)
        self._acquire = client.register_script(script("deliver"))
        self._renew = client.register_script(script("renew"))
        self._release = client.register_script(script("release"))

    def acquire(self, conversion_id: str) -> Lease | None:
        """Try to be the one who delivers; never waits.

        Args:
            conversion_id: The conversion.

        Returns:
            The lease, where it is ours; None where another delivers it, or it is forgotten.

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
                        self._keys.due("deliver"),
                    ],
                    args=[token, self._lease_ms, conversion_id, VERSION],
                ),
            )
        if not taken:
            return None
        now, flat = found
        entry = decode(conversion_id, fields_of(flat), float(now))
        return Lease(entry, token, self)

    def taking(self) -> Tenure:
        """What the transition needs to know that finds a result, so that it begins a lease, too."""
        return Tenure(secrets.token_hex(16), self._lease_ms)

    def taken(self, entry: Entry, taking: Tenure) -> Lease:
        """The lease that the transition began.

        Args:
            entry: The conversion, as it was noted.
            taking: From `taking`.
        """
        return Lease(entry, taking.token, self)

    def renew(self, lease: Lease) -> bool:
        """Begin a lease anew, if it is still its holder's."""
        with translated(self._client):
            renewed = self._renew(
                keys=[self._keys.delivery(lease.entry.id)], args=[lease.token, self._lease_ms]
            )
        return bool(renewed)

    def release(self, lease: Lease) -> None:
        """End a lease, if it is still its holder's."""
        with translated(self._client):
            self._release(keys=[self._keys.delivery(lease.entry.id)], args=[lease.token])


@dataclass(frozen=True, slots=True)
class Lease:
    """One delivery's; another of the same conversion in the same process has its own.

    Attributes:
        entry: The conversion, as it stood when the lease began.
        token: What the key holds while it is ours.
    """

    entry: Entry
    token: str
    _deliveries: DeliveryLeases

    def renew(self) -> bool:
        """Begin the lease anew, if it is still ours.

        Returns:
            Whether it is. If not, it had lapsed, and another may deliver by now.

        Raises:
            LedgerUnavailable: Redis can't be reached.
        """
        return self._deliveries.renew(self)

    def release(self) -> None:
        """End the lease, if it is still ours.

        Raises:
            LedgerUnavailable: Redis can't be reached.
        """
        self._deliveries.release(self)
