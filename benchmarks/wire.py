"""HTTP/1.1 as the stand-in reads and writes it: whole requests, whole answers."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from benchmarks.jobs import Job

__all__ = ["HEAD_END", "JSON", "Ask", "Reply", "length_of", "taken"]

HEAD_END: Final = b"\r\n\r\n"
JSON: Final = "application/json"


@dataclass(frozen=True, slots=True)
class Ask:
    """A whole request."""

    method: str
    path: str
    query: str
    host: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, and what it is about, so that a fault may strike it."""

    status: int
    body: bytes = b""
    content_type: str = JSON
    kind: str = ""
    number: int = -1
    attempt: int = 0
    polled: Job | None = None

    def encoded(self) -> bytes:
        """Head and body as they travel."""
        head = (
            f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}\r\n"
            f"Content-Type: {self.content_type}\r\nContent-Length: {len(self.body)}\r\n\r\n"
        )
        return head.encode() + self.body


def taken(buffer: bytes) -> tuple[Ask, int] | None:
    """The first request of a buffer and its length; None while it is not whole.

    Args:
        buffer: What has come so far.
    """
    end = buffer.find(HEAD_END)
    if end < 0:
        return None
    head, start = buffer[:end], end + len(HEAD_END)
    stop = start + length_of(head)
    if len(buffer) < stop:
        return None
    method, target, _ = head[: head.find(b"\r\n")].decode().split(" ", 2)
    path, _, query = target.partition("?")
    return Ask(method, path, query, _field(head, b"host"), buffer[start:stop]), stop


def length_of(head: bytes) -> int:
    """How many bytes of body follow a head.

    Args:
        head: Without the empty line at its end, or with it.
    """
    return int(_field(head, b"content-length") or 0)


def _field(head: bytes, name: bytes) -> str:
    lowered = head.lower()
    start = lowered.find(b"\r\n" + name + b":")
    if start < 0:
        return ""
    start += len(name) + 3
    end = head.find(b"\r\n", start)
    return head[start : end if end >= 0 else len(head)].strip().decode()
