"""Reservations of staged folders: a producer may die before it enqueues.

A producer reserves a folder before it writes there, renews the reservation while it writes, and the
conversion's `open` takes it over. What nobody takes over in time is doomed, atomically, so that no
conversion can own it any more, and then removed by a worker.

A signature can run any number of times, so its folders belong to none of its conversions. They are
kept for a month after the last of them was accepted.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from typing import Final, cast

from conveyor.ledger.connection import Client, translated
from conveyor.ledger.scripts import script

__all__ = ["KEEP_SIGNED_S", "KEEP_STAGED_S", "Reservations"]

KEEP_STAGED_S: Final = 3600.0
"""How long a staged file waits for its conversion, seconds."""

KEEP_SIGNED_S: Final = 30 * 24 * 3600.0
"""How long that of a signature is kept after it was made or last run, seconds."""

_BATCH: Final = 100
_TOKEN: Final = re.compile("[0-9a-f]{32}")


class Reservations:
    """The reservations of all producers.

    Args:
        client: From `conveyor.ledger.connect`.
    """

    def __init__(self, client: Client) -> None:
        self._redis = client
        self._keys = client.keyspace
        self._doom = client.register_script(script("doom_staged"))
        self._doom_now = client.register_script(script("doom_now"))
        self._sign = client.register_script(script("sign"))
        self._reserve = client.register_script(script("reserve"))

    def make(self) -> str:
        """Reserve a folder.

        Returns:
            Its token, which is its name in the storage.

        Raises:
            LedgerUnavailable: Redis can't be reached.
        """
        token = secrets.token_hex(16)
        with translated(self._redis):
            self._reserve(keys=[self._keys.staging], args=[token, KEEP_STAGED_S, 0])
        return token

    def renew(self, token: str, for_s: float = KEEP_STAGED_S) -> bool:
        """Begin the time of a reservation anew.

        Args:
            token: The folder.
            for_s: How long from now on, seconds.

        Returns:
            Whether it is still reserved: it may have run out, or belong to a conversion.
        """
        with translated(self._redis):
            return bool(self._reserve(keys=[self._keys.staging], args=[token, for_s, 1]))

    def sign(self, token: str) -> bool:
        """Keep a folder for a signature, which shares it with all its runs.

        Args:
            token: The folder.

        Returns:
            Whether it can be kept: it may have run out, or belong to a conversion.
        """
        with translated(self._redis):
            places = [self._keys.staging, self._keys.signed]
            return bool(self._sign(keys=places, args=[token, int(KEEP_SIGNED_S)]))

    def unsign(self, tokens: Sequence[str]) -> None:
        """Note that a signature which was to share these folders was not made."""
        if tokens:
            with translated(self._redis):
                self._redis.srem(self._keys.signed, *tokens)

    def give_back(self, tokens: Sequence[str]) -> None:
        """Schedule folders for removal, whether they are owned or not."""
        if tokens:
            with translated(self._redis):
                self._redis.zadd(self._keys.staging, dict.fromkeys(tokens, 0))

    def doom(self, tokens: Sequence[str]) -> list[str]:
        """Revoke the reservations of folders immediately.

        Args:
            tokens: The folders.

        Returns:
            Those to remove: a folder that a conversion or a signature has by now is none of them.
        """
        if not tokens:
            return []
        with translated(self._redis):
            places = [self._keys.staging, self._keys.doomed, self._keys.signed]
            return cast("list[str]", self._doom_now(keys=places, args=[*tokens]))

    def doomed(self) -> list[str]:
        """Revoke reservations that are older than an hour.

        Returns:
            The tokens of folders to remove, a batch; also those that an earlier caller did not
            get to.
        """
        with translated(self._redis):
            places = [self._keys.staging, self._keys.doomed, self._keys.signed]
            doomed = cast("list[str]", self._doom(keys=places, args=[_BATCH]))
        # A planted one must not lead out of the folder of staged files.
        return list(filter(_TOKEN.fullmatch, doomed))

    def removed(self, tokens: Sequence[str]) -> None:
        """Note that doomed folders are gone."""
        if tokens:
            with translated(self._redis):
                self._redis.srem(self._keys.doomed, *tokens)
