"""Followers of conversions in an in-memory ledger, in any event loop."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

from conveyor.ledger.in_memory.server import MemoryServer

__all__ = ["MemoryWatch"]

_LOOK_EVERY_S: Final = 5.0


class MemoryWatch:
    """The followers of one in-memory ledger; as `conveyor.ledger.watch.Watch`.

    Args:
        server: Tells of each change.
        channel: Told the id of each conversion that changes.
    """

    def __init__(self, server: MemoryServer, channel: str) -> None:
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
        bell = _Bell(asyncio.get_running_loop())
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

    def __init__(self, loop: Any) -> None:
        self._loop = loop
        self._rung = asyncio.Event()

    def ring(self) -> None:
        """Wake whoever waits for this conversion."""
        # Whoever waited may be gone with his loop.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._rung.set)

    async def wait(self, timeout_s: float = _LOOK_EVERY_S) -> None:
        """Wait until it rings, or it is time to look all the same."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._rung.wait(), min(timeout_s, _LOOK_EVERY_S))
        self._rung.clear()
