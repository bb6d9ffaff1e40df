"""A TCP proxy on loopback: its connections can be cut and refused, and be led elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from threading import Thread
from types import TracebackType
from typing import Any, Final, Self

from local_stack.ports import LOOPBACK, free_port

__all__ = ["Proxy"]

_CHUNK_BYTES: Final = 1 << 16
_PATIENCE_S: Final = 10.0


class Proxy:
    """Passes connections on, from a thread of its own.

    Args:
        target: The port that it passes connections on to.

    Attributes:
        port: Where it listens.
    """

    def __init__(self, target: int) -> None:
        self.port = free_port()
        self._target = target
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._server: asyncio.Server | None = None
        self._serving: set[asyncio.Task[None]] = set()

    def mend(self) -> None:
        """Accept connections."""
        self._await(self._listen())

    def cut(self) -> None:
        """Cut every connection, and refuse new ones until `mend`."""
        self._await(self._cut())

    def lead_to(self, target: int) -> None:
        """Pass new connections on to another port, as a name does whose address has changed.

        Those that are open stay where they are.

        Args:
            target: The port.
        """
        self._target = target

    def __enter__(self) -> Self:
        self._thread.start()
        self.mend()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.cut()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_PATIENCE_S)
        self._loop.close()

    def _await(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(_PATIENCE_S)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, LOOPBACK, self.port)

    async def _cut(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for task in self._serving:
            task.cancel()
        # They see their ends before anybody goes on.
        await asyncio.gather(*self._serving, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(_pass_on(reader, writer, self._target))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, target: int) -> None:
    writers = [writer]
    try:
        with suppress(OSError):
            far_reader, far_writer = await asyncio.open_connection(LOOPBACK, target)
            writers.append(far_writer)
            await asyncio.gather(_pipe(reader, far_writer), _pipe(far_reader, writer))
    finally:
        for each in writers:
            each.transport.abort()


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while chunk := await reader.read(_CHUNK_BYTES):
            writer.write(chunk)
            await writer.drain()
    finally:
        writer.transport.abort()
