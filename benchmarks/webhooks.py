"""Webhooks of the stand-in: it tells `web` what has ended, and tries each call a few times."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from benchmarks.jobs import Job
from benchmarks.wire import HEAD_END, JSON, length_of

__all__ = ["Webhooks"]

_CALLERS: Final = 8
_CALL_TRIES: Final = 3


@dataclass(frozen=True, slots=True)
class _Call:
    """A webhook that is to be called: a POST where there is a body, else a GET."""

    url: str
    body: bytes


class Webhooks:
    """The calls that are to be made, and those who make them.

    Args:
        loop: Makes the calls.
        count: Takes what became of a call: ``webhooks_taken`` or ``webhooks_lost``.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, count: Callable[[str], None]) -> None:
        self._count = count
        self._calls: asyncio.Queue[_Call] = asyncio.Queue()
        self._callers = [loop.create_task(self._make_calls()) for _ in range(_CALLERS)]

    def announce(self, job: Job, url: str, *, is_path: bool) -> None:
        """Have a webhook called, unless the client has deleted the job.

        Args:
            job: What has ended.
            url: The client's, as it came with the POST.
            is_path: Whether the POST came in the path dialect, which names the job in a body.
        """
        if job.is_deleted:
            return
        body = json.dumps({"JobId": job.id}).encode() if is_path else b""
        self._calls.put_nowait(_Call(url if is_path else f"{url}?JobId={job.id}", body))

    async def _make_calls(self) -> None:
        caller = _Caller()
        while True:
            call = await self._calls.get()
            for _ in range(_CALL_TRIES):
                if await caller.call(call.url, call.body):
                    self._count("webhooks_taken")
                    break
            else:
                self._count("webhooks_lost")


class _Caller:
    """Calls webhooks over a connection that it keeps."""

    def __init__(self) -> None:
        self._place = ("", 0)
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def call(self, url: str, body: bytes) -> bool:
        """Call; tell whether it was taken."""
        parts = urlsplit(url)
        place = (parts.hostname or "", parts.port or 80)
        target = f"{parts.path}?{parts.query}" if parts.query else parts.path
        head = f"{'POST' if body else 'GET'} {target} HTTP/1.1\r\nHost: {parts.netloc}\r\n"
        if body:
            head += f"Content-Type: {JSON}\r\nContent-Length: {len(body)}\r\n"
        try:
            reader, writer = await self._connected(place)
            writer.write(head.encode() + b"\r\n" + body)
            return await _read_status(reader) // 100 == 2  # noqa: PLR2004 - any 2xx
        except (OSError, asyncio.IncompleteReadError, ValueError):
            self._streams = None
            return False

    async def _connected(
        self, place: tuple[str, int]
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._streams is None or place != self._place:
            self._streams = await asyncio.open_connection(*place)
            self._place = place
        return self._streams


async def _read_status(reader: asyncio.StreamReader) -> int:
    head = await reader.readuntil(HEAD_END)
    await reader.readexactly(length_of(head))
    return int(head.split(b" ", 2)[1])
