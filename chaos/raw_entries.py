"""What the ledger has of a load's conversions, read past our own code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import redis

from conveyor.domain.conversion import State
from conveyor.ledger.keys import Keys

__all__ = ["RawEntries"]

_KEYS: Final = Keys()


class RawEntries:
    """The entries of conversions, field by field.

    Args:
        client: Valkey, beside every fault of the way.
        ids: The conversions' ids, a list that grows.
    """

    def __init__(self, client: redis.Redis, ids: Sequence[str]) -> None:
        self._client = client
        self._ids = ids

    def in_flight(self) -> int:
        """How many have been accepted and have not ended in the ledger."""
        return len(self._ids) - sum(state.is_final for state in self.states().values())

    def states(self) -> dict[str, State]:
        """Where each stands; one that is not on record is missing."""
        found = self.fields("state")
        return {each: State(state.decode()) for each, (state,) in found.items() if state}

    def marks(self) -> dict[str, Any]:
        """What changes with every step of a conversion, and with nothing else."""
        return self.fields("state", "turn", "alive", "polls", "submits", "finished_at")

    def turns(self, ids: Sequence[str]) -> dict[str, object]:
        """What each claim of a conversion raises."""
        return self.fields("turn", of=ids)

    def in_hand(self) -> dict[str, object]:
        """The turns of those that somebody talks to the service for."""
        inside = self._client.mget(map(_KEYS.turnstile, self._ids))
        held = zip(self._ids, inside, strict=True)
        return self.turns([each for each, token in held if token not in (None, b"left")])

    def fields(self, *names: str, of: Sequence[str] | None = None) -> dict[str, Any]:
        """These fields of each, as they lie there, by conversion.

        Args:
            names: The fields.
            of: Which conversions; all unless given.
        """
        ids = self._ids if of is None else of
        with self._client.pipeline(transaction=False) as pipeline:
            for each in ids:
                pipeline.hmget(_KEYS.conversion(each), names)
            return dict(zip(ids, pipeline.execute(), strict=True))
