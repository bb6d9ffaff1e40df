"""``python -m benchmarks.serving``: the stand-in's server, on bare asyncio.

The sandbox converts for real and spends more on a request than the clients that are measured. This
one costs next to nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import uvloop

from benchmarks.service import Service
from benchmarks.wire import Reply, taken

__all__ = ["serve"]

# A dribbled answer comes in at most this many pieces: small ones byte by byte.
_PIECES: Final = 250


class _Connection(asyncio.Protocol):
    """HTTP/1.1 over one kept connection.

    Args:
        service: Answers.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._buffer = b""
        self._slow: tuple[Reply, asyncio.TimerHandle] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note where answers go."""
        self._transport: Any = transport

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """Nobody waits for the answer that was on its way."""
        if self._slow is not None:
            reply, timer = self._slow
            timer.cancel()
            self._service.ended(reply)
            self._slow = None

    def data_received(self, data: bytes) -> None:
        """Answer each request that is whole, one after the other."""
        self._buffer += data
        self._go_on()

    def _go_on(self) -> None:
        while self._slow is None and (whole := taken(self._buffer)) is not None:
            ask, used = whole
            self._buffer = self._buffer[used:]
            reply = self._service.answer(ask)
            if self._service.is_dribbled(reply):
                self._dribble(reply, reply.encoded())
            else:
                # As of here: the client counts from when it has the answer, which is later.
                self._service.ended(reply)
                self._transport.write(reply.encoded())

    def _dribble(self, reply: Reply, content: bytes) -> None:
        size = -(-len(content) // _PIECES)
        pause_s = self._service.faults.dribble_s / -(-len(content) // size)

        def go_on(place: int) -> None:
            """Send the next piece, and the rest of them later."""
            self._transport.write(content[place : place + size])
            if place + size < len(content):
                timer = self._loop.call_later(pause_s, go_on, place + size)
                self._slow = (reply, timer)
                return
            self._slow = None
            self._service.ended(reply)
            self._go_on()

        self._slow = (reply, self._loop.call_later(pause_s, go_on, 0))

    @property
    def _loop(self) -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()


async def serve(port: int, on_ready: Callable[[], None]) -> None:
    """Serve on loopback until cancelled.

    Args:
        port: The port to listen on.
        on_ready: Called when it listens.
    """
    loop = asyncio.get_running_loop()
    service = Service(loop)
    server = await loop.create_server(
        partial(_Connection, service), "127.0.0.1", port, backlog=1000
    )
    on_ready()
    async with server:
        await server.serve_forever()


def main() -> int:
    """Serve until the process is ended."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serving", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    port = parser.parse_args().port
    uvloop.run(serve(port, lambda: print(f"stand-in ready on {port}", flush=True)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
