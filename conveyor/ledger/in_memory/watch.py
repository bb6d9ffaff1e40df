"""Followers of conversions in an in-memory ledger, in any event loop."""

from __future__ import annotations

import asyncio
import math
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final

from conveyor.ledger.in_memory.server import MemoryServer

__all__ = ["MemoryWatch"]

# What others in the loop need to get to their next pause, and more.
_TURNS: Final = 10


class MemoryWatch:
    """The followers of one in-memory ledger; as `conveyor.ledger.watch.Watch`.

    Args:
        server: Tells of each change.
        channel: Told the id of each conversion that changes.

    Attributes:
        go_on: Moves the clock for whoever waits, by so many seconds at most. Returns whether it
            could; without end it can only where something is to happen.
    """

    def __init__(self, server: MemoryServer, channel: str) -> None:
        self.go_on: Callable[[float], bool] = lambda _most_s: False
        self._channel = channel
        self._bells: defaultdict[str, set[_Bell]] = defaultdict(set)
        server.on_publish.append(self._hear)

    @asynccontextmanager
    async def on(self, conversion_id: str) -> AsyncIterator[_Bell]:
        """Follow a conversion for as long as the block runs.

        Args:
            conversion_id: The conversion's id.

        Yields:
            What rings when it changes.
        """
        bell = _Bell(self)
        self._bells[conversion_id].add(bell)
        try:
            yield bell
        finally:
            self._bells[conversion_id].discard(bell)

    async def aclose(self) -> None:
        """Nothing: there is no connection."""

    def _hear(self, channel: str, conversion_id: str) -> None:
        if channel == self._channel:
            for bell in tuple(self._bells.get(conversion_id, ())):
                bell.ring()


class _Bell:
    """Rings when a conversion may have changed, from whichever thread."""

    def __init__(self, watch: MemoryWatch) -> None:
        self._watch = watch
        self._loop = asyncio.get_running_loop()
        self._rung = asyncio.Event()

    def ring(self) -> None:
        """Wake whoever waits for this conversion."""
        # Whoever waited may be gone with his loop.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._rung.set)

    async def wait(self, timeout_s: float = math.inf) -> None:
        """Wait until it rings, or until the clock is there.

        Others in the loop come first. Where they do nothing, the clock goes on.
        """
        for _turn in range(_TURNS):
            await asyncio.sleep(0)
        if not self._rung.is_set() and not await asyncio.to_thread(self._watch.go_on, timeout_s):
            await self._rung.wait()
        self._rung.clear()
