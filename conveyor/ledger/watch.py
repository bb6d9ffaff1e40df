"""Followers of conversions in an event loop: any number of them, over one connection to Redis.

Each change of state publishes the conversion's id. That is a hint (invariant I6): a follower reads
the history in the ledger when it hears one, and once in a while without.
"""

from __future__ import annotations

import asyncio
import math
from collections import defaultdict
from contextlib import suppress
from typing import Final

import redis

from conveyor.ledger import aconnect
from conveyor.process_local import process_local

__all__ = ["Watch"]

# What a follower that heard nothing waits before it looks all the same.
_LOOK_EVERY_S: Final = 5.0
_RECONNECT_S: Final = 0.5
_CANCEL_AGAIN_S: Final = 0.1


class Watch:
    """The followers of one process; each event loop has a connection of its own.

    Args:
        url: Redis.
        channel: Told the id of each conversion that changes.
    """

    def __init__(self, url: str, channel: str) -> None:
        self._url = url
        self._channel = channel

    @process_local
    def _listeners(self) -> dict[asyncio.AbstractEventLoop, _Listener]:
        return {}

    def on(self, conversion_id: str) -> _Following:
        """Follow a conversion for as long as the block runs.

        Args:
            conversion_id: The conversion's id.

        Returns:
            A context of what rings when it changes; a change from its beginning on is not missed.
        """
        return _Following(self._listener(), conversion_id)

    def _listener(self) -> _Listener:
        # Whoever runs a loop for each call, as `asyncio.run` does, leaves them closed.
        for closed in [loop for loop in tuple(self._listeners) if loop.is_closed()]:
            self._listeners.pop(closed, None)
        loop = asyncio.get_running_loop()
        if loop not in self._listeners:
            self._listeners[loop] = _Listener(self._url, self._channel)
        return self._listeners[loop]

    async def aclose(self) -> None:
        """Close this event loop's connection; its followers go on by looking now and then."""
        listener = self._listeners.pop(asyncio.get_running_loop(), None)
        if listener is not None:
            await listener.aclose()


class _Bell:
    """Rings when a conversion may have changed."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()

    def ring(self) -> None:
        """Wake whoever waits for this conversion."""
        self._rung.set()

    async def wait(self, timeout_s: float = math.inf) -> None:
        """Wait until it rings, or it is time to look all the same."""
        with suppress(TimeoutError):
            async with asyncio.timeout(min(timeout_s, _LOOK_EVERY_S)):
                await self._rung.wait()
        self._rung.clear()


class _Following:
    """A bell that hangs for as long as a block runs.

    It is no generator: an event loop that ends closes these in any order, and a follower's own
    could find this one closed before it.
    """

    def __init__(self, listener: _Listener, conversion_id: str) -> None:
        self._listener = listener
        self._id = conversion_id
        self._bell = _Bell()

    async def __aenter__(self) -> _Bell:
        self._listener.hang(self._id, self._bell)
        try:
            await self._listener.hears()
        except BaseException:
            self._listener.take_down(self._id, self._bell)
            raise
        return self._bell

    async def __aexit__(self, *_error: object) -> None:
        self._listener.take_down(self._id, self._bell)


class _Listener:
    """One event loop's connection."""

    def __init__(self, url: str, channel: str) -> None:
        self._channel = channel
        self._client = aconnect(url)
        self._bells: defaultdict[str, set[_Bell]] = defaultdict(set)
        self._subscribed = asyncio.Event()
        self._is_open = True
        self._task = asyncio.get_running_loop().create_task(self._listen())

    def hang(self, conversion_id: str, bell: _Bell) -> None:
        """Hang a bell that rings for one conversion, until `take_down`."""
        self._bells[conversion_id].add(bell)

    def take_down(self, conversion_id: str, bell: _Bell) -> None:
        """Take a bell down again."""
        self._bells[conversion_id].discard(bell)
        if not self._bells[conversion_id]:
            del self._bells[conversion_id]

    async def hears(self) -> None:
        """Wait until it hears of changes, and not for ever.

        Where Redis is away, whoever looks into the ledger says so.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(_RECONNECT_S):
                await self._subscribed.wait()

    async def aclose(self) -> None:
        """End the task that listens, and close its connection."""
        self._task.cancel()
        await asyncio.wait([self._task])
        await self._client.aclose()

    async def _listen(self) -> None:
        """Listen until this task is cancelled, by `aclose` or by a loop that ends.

        A loop cancels once, and waits. redis-py may lose that: it sends with `asyncio.wait_for`,
        which before Python 3.12 forgets a cancellation if the sending ends in the same moment.
        """
        hearing = asyncio.get_running_loop().create_task(self._hear_again_and_again())
        try:
            await asyncio.wait([hearing])
        finally:
            self._is_open = False
            while not hearing.done():
                hearing.cancel()
                await asyncio.wait([hearing], timeout=_CANCEL_AGAIN_S)

    async def _hear_again_and_again(self) -> None:
        while self._is_open:
            with suppress(redis.RedisError, OSError):
                await self._hear()
            self._subscribed.clear()
            await asyncio.sleep(_RECONNECT_S)

    async def _hear(self) -> None:
        async with self._client.pubsub(ignore_subscribe_messages=False) as channel:
            await channel.subscribe(self._channel)
            async for message in channel.listen():
                if message["type"] == "subscribe":
                    self._subscribed.set()
                    self._ring_all()  # what was missed while the connection was gone
                else:
                    for bell in self._bells.get(message["data"], ()):
                        bell.ring()

    def _ring_all(self) -> None:
        for bells in self._bells.values():
            for bell in bells:
                bell.ring()
