"""Which storage a namespace uses, as Redis knows it: the id in the storage's marker."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, cast

from conveyor.ledger.connection import Client, translated

__all__ = ["StorageMark"]

# Who marks a storage has it done in a moment; one that died lets another do it.
_CLAIM_S: Final = 30
# A process says so again and again for as long as it is so.
_STRANGER_S: Final = 90


class StorageMark:
    """The id of the storage in use, and who has another one.

    Args:
        client: From `conveyor.ledger.connect`.
    """

    def __init__(self, client: Client) -> None:
        self._redis = client
        self._keys = client.keyspace

    def known(self) -> str:
        """The id of the storage; empty before the first use."""
        with translated(self._redis):
            return cast("str | None", self._redis.get(self._keys.storage)) or ""

    def settle(self, mark: str) -> str:
        """Have an id be the one in use, unless another is.

        Args:
            mark: The id.

        Returns:
            The id in use from now on.
        """
        with translated(self._redis):
            before = self._redis.set(self._keys.storage, mark, nx=True, get=True)
            self._redis.delete(self._keys.storage_claim)
        return cast("str | None", before) or mark

    def adopt(self, mark: str) -> None:
        """Have an id be the one in use, whichever was before."""
        with translated(self._redis):
            self._redis.set(self._keys.storage, mark)

    def claim(self) -> bool:
        """Claim the right to mark a new storage.

        Returns:
            Whether no other process is marking it.
        """
        with translated(self._redis):
            return bool(self._redis.set(self._keys.storage_claim, "1", nx=True, ex=_CLAIM_S))

    def stands_apart(self, who: str, *, apart: bool) -> None:
        """Note whether a process has another storage than the one in use.

        Args:
            who: The process, as an operator knows it.
            apart: Whether it has.
        """
        with translated(self._redis):
            now = self._redis.time()[0]
            if apart:
                self._redis.zadd(self._keys.strangers, {who: now + _STRANGER_S})
                self._redis.expire(self._keys.strangers, _STRANGER_S)
            else:
                self._redis.zrem(self._keys.strangers, who)

    def strangers(self) -> Sequence[str]:
        """The processes that have another storage than the one in use."""
        with translated(self._redis):
            now = self._redis.time()[0]
            return cast("list[str]", self._redis.zrangebyscore(self._keys.strangers, now, "+inf"))
