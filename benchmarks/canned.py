"""A server that answers at once with canned bytes, as the service would answer a worker."""

from __future__ import annotations

import asyncio
import json
import os
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any, Final

__all__ = ["FILE", "RUNNING", "serve"]

FILE: Final = os.urandom(1024)
RUNNING: Final = "f" * 8
"""A job is running as long as its id holds this."""

_JOB: Final = "0123456789abcdef0123456789abcdef"


def serve(told: Connection) -> None:
    """Serve on a free port of loopback until the process is ended.

    Args:
        told: Takes the port.
    """

    async def served() -> None:
        """Listen, tell the port, and answer for ever."""
        loop = asyncio.get_running_loop()
        server = await loop.create_server(_Canned, "127.0.0.1", 0, backlog=256)
        told.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    with suppress(KeyboardInterrupt):
        asyncio.run(served())


class _Canned(asyncio.Protocol):
    """The service's side: each request gets canned bytes, by what it asks."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take a connection."""
        self._transport: Any = transport
        self._seen = b""

    def data_received(self, data: bytes) -> None:
        """Answer each request that has come whole."""
        self._seen += data
        while True:
            head, found, rest = self._seen.partition(b"\r\n\r\n")
            if not found:
                return
            size = _length_of(head)
            if len(rest) < size:
                return
            self._seen = rest[size:]
            self._transport.write(_answer_to(head.partition(b"\r\n")[0].decode()))


def _length_of(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0


def _answer_to(line: str) -> bytes:
    method, target, _ = line.split()
    if method == "DELETE":
        return _EMPTY
    if target.startswith("/d/"):
        return _FILE
    if method == "POST":
        return _STARTED
    return _IN_PROGRESS if RUNNING in target else _result(target.rpartition("/")[2])


def _canned(status: str, body: bytes, kind: str, *more: str) -> bytes:
    lines = [
        f"HTTP/1.1 {status}",
        "Date: Thu, 01 Oct 2026 12:00:00 GMT",
        *([f"Content-Type: {kind}"] if kind else []),
        f"Content-Length: {len(body)}",
        "Cache-Control: no-store",
        "Server: Kestrel",
        "X-Request-Id: 00-0123456789abcdef0123456789abcdef-0123456789abcdef-00",
        *more,
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def _json(status: str, body: object) -> bytes:
    return _canned(status, json.dumps(body).encode(), "application/json; charset=utf-8")


def _result(job: str) -> bytes:
    file = {
        "FileName": "report.pdf",
        "FileExt": "pdf",
        "FileSize": len(FILE),
        "FileId": job,
        "Url": f"https://eu-v2.convertapi.com/d/{job}/report.pdf",
    }
    return _json("200 OK", {"JobId": job, "ConversionCost": 1, "Files": [file]})


_EMPTY: Final = _canned("200 OK", b"", "")
_IN_PROGRESS: Final = _canned("202 Accepted", b"", "")
_STARTED: Final = _json("200 OK", {"JobId": _JOB})
_FILE: Final = _canned(
    "200 OK", FILE, "application/pdf", "Content-Disposition: attachment; filename=report.pdf"
)
