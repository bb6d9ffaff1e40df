"""Readiness: whether Redis, the broker and the storage can be used."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Final

from conveyor import Conveyor
from conveyor.diagnosis.doctor import Check, parts_of

__all__ = ["Readiness"]

# A load balancer has some seconds of patience, and what hangs shows within three.
_TIMEOUT_S: Final = 2.0
# Anybody may ask, and each look writes a file.
_FRESH_S: Final = 2.0


class Readiness:
    """Checks the parts at most every two seconds.

    Args:
        conveyor: The library, with what it stands on.
    """

    def __init__(self, conveyor: Conveyor) -> None:
        self._parts = parts_of(conveyor)
        self._looking = asyncio.Lock()
        self._checks: Sequence[Check] = ()
        self._looked_at = float("-inf")

    async def missing(self) -> Sequence[Check]:
        """The names of the parts that can't be used."""
        async with self._looking:
            if time.monotonic() - self._looked_at > _FRESH_S:
                self._checks = await self._look()
                self._looked_at = time.monotonic()
        return [check for check in self._checks if not check.ok]

    async def _look(self) -> Sequence[Check]:
        looks = (asyncio.to_thread(part.check, _TIMEOUT_S) for part in self._parts)
        return await asyncio.gather(*looks)
