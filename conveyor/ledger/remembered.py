"""What the fleet remembers beside its conversions: names, keys, the account's dialect."""

from __future__ import annotations

import secrets
from typing import cast

from conveyor.domain.dialect import Dialect
from conveyor.ledger.entries import Entries
from conveyor.ledger.keys import KEEP_DIALECT_S

__all__ = ["Remembered"]


class Remembered(Entries):
    """Facts that one process finds out or makes, and all of them use."""

    def recall_dialect(self, account: str) -> Dialect | None:
        """The dialect that an account's service was found to speak."""
        with self._translated():
            known = cast("str | None", self._redis.get(self._keys.dialect(account)))
        # One that a later release speaks is none that we do: it is found out anew.
        return next((dialect for dialect in Dialect if dialect.value == known), None)

    def remember_dialect(self, account: str, dialect: Dialect) -> None:
        """Remember it for a day."""
        with self._translated():
            self._redis.set(self._keys.dialect(account), dialect.value, ex=KEEP_DIALECT_S)

    def job_key(self) -> str:
        """The key from which job ids are derived. The first caller creates it."""
        made = secrets.token_hex(32)
        with self._translated():
            known = self._redis.set(self._keys.job_key, made, nx=True, get=True)
        return cast("str | None", known) or made

    def identity(self) -> str:
        """The ledger's identity. The first caller creates it."""
        made = secrets.token_hex(8)
        with self._translated():
            known = self._redis.set(self._keys.identity, made, nx=True, get=True)
        return cast("str | None", known) or made
