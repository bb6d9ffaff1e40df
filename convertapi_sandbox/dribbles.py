"""Answers that take their time where the server's own protocol has no say.

The server writes heads whole and knows no trailers, so these write to the connection
themselves and close it at the end.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from convertapi_sandbox.wire import transport_of, until_disconnected

__all__ = ["EndlessContinue", "Handwritten", "SlowChunk", "SlowHead", "SlowTrailers", "Whole"]

_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
_CONTINUES: Final = 100
# A client that is gone is noticed within it.
_MAX_NAP_S: Final = 0.25
_EXTENSION: Final = b";note=" + b"slow" * 16
_TRAILERS: Final = b"X-Checksum: 0123456789abcdef\r\nX-Note: this took a while\r\n\r\n"


@dataclass(frozen=True)
class Whole:
    """An answer in full.

    Args:
        status: HTTP status.
        headers: As they would be sent.
        body: All its bytes.
    """

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes

    def head(self, *, length: bool = True) -> bytes:
        """Return the status line and the headers.

        Args:
            length: Whether the headers tell the body's length; otherwise it is chunked.
        """
        return b"".join(self._lines(length=length)) + b"\r\n"

    def _lines(self, *, length: bool) -> Iterator[bytes]:
        yield f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}\r\n".encode()
        for name, value in self.headers:
            if length or name.lower() != b"content-length":
                yield name + b": " + value + b"\r\n"
        if not length:
            yield b"transfer-encoding: chunked\r\ntrailer: X-Checksum, X-Note\r\n"
        yield b"connection: close\r\n"


class Handwritten(Response):
    """An answer that is written to the connection past the server.

    Args:
        answer: The true answer.
        length_s: How long it takes.
    """

    def __init__(self, answer: Response, length_s: float) -> None:
        super().__init__()
        self._answer = answer
        self._length_s = length_s
        #: Clock reading before the latest bytes went, in seconds; None while none went.
        self.written: float | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - as ASGI has it
        """Write the answer, close the connection."""
        whole = await _collected(self._answer, scope, receive)
        if whole is not None:
            await self._write_all(scope, whole)
            transport_of(scope).close()
        await until_disconnected(receive)

    async def _write_all(self, scope: Scope, whole: Whole) -> None:
        raise NotImplementedError

    def _write(self, scope: Scope, content: bytes) -> bool:
        """Write bytes; tell whether the client is still there."""
        transport = transport_of(scope)
        if transport.is_closing():
            return False
        self.written = time.monotonic()
        transport.write(content)
        return True

    async def _dribble(self, scope: Scope, content: bytes) -> None:
        pause = self._length_s / max(1, len(content))
        for position in range(len(content)):
            await _pause(scope, pause)
            if not self._write(scope, content[position : position + 1]):
                return


class SlowHead(Handwritten):
    """An answer whose head comes byte by byte."""

    async def _write_all(self, scope: Scope, whole: Whole) -> None:
        await self._dribble(scope, whole.head())
        self._write(scope, whole.body)


class SlowTrailers(Handwritten):
    """A chunked answer whose trailers come byte by byte."""

    async def _write_all(self, scope: Scope, whole: Whole) -> None:
        chunk = f"{len(whole.body):x}\r\n".encode() + whole.body + b"\r\n" if whole.body else b""
        self._write(scope, whole.head(length=False) + chunk + b"0\r\n")
        await self._dribble(scope, _TRAILERS)


class SlowChunk(Handwritten):
    """A chunked answer whose chunk has an extension that comes byte by byte."""

    async def _write_all(self, scope: Scope, whole: Whole) -> None:
        body = whole.body or b" "
        self._write(scope, whole.head(length=False) + f"{len(body):x}".encode())
        await self._dribble(scope, _EXTENSION)
        self._write(scope, b"\r\n" + body + b"\r\n0\r\n\r\n")


class EndlessContinue(Handwritten):
    """An answer after many interim ones."""

    async def _write_all(self, scope: Scope, whole: Whole) -> None:
        for _ in range(_CONTINUES):
            if not self._write(scope, _CONTINUE):
                return
            await _pause(scope, self._length_s / _CONTINUES)
        self._write(scope, whole.head() + whole.body)


async def _pause(scope: Scope, pause_s: float) -> None:
    """Sleep, in short naps so that a client that is gone is noticed."""
    naps = math.ceil(pause_s / _MAX_NAP_S)
    for _ in range(naps):
        if transport_of(scope).is_closing():
            return
        await asyncio.sleep(pause_s / naps)


async def _collected(answer: Response, scope: Scope, receive: Receive) -> Whole | None:
    """Return an answer in full; None if it cut the connection instead."""
    start: Message = {}
    body = bytearray()

    async def collect(message: Message) -> None:
        """Keep what would be sent."""
        if message["type"] == "http.response.start":
            start.update(message)
        body.extend(message.get("body", b""))

    await answer(scope, receive, collect)
    if not start or transport_of(scope).is_closing():
        return None
    return Whole(start["status"], list(start.get("headers", [])), bytes(body))
