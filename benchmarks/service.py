"""The stand-in of the service: it converts nothing, and costs next to nothing.

A server of its own on bare asyncio, because the sandbox converts for real and spends more on a
request than the clients that are measured. It speaks both dialects as far as a worker and the
peers use them. A conversion takes as long as its source's address says.

``POST /_load`` forgets everything and sets the faults, ``POST /_faults`` sets them alone, and
``GET /_audit`` tells what was seen.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import secrets
import sys
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

import uvloop

from benchmarks.jobs import Job, JobBook, Source, is_struck

__all__ = ["Faults", "Service", "serve"]

FILE: Final = b"%PDF-1.7 a result of ten thousand bytes\n".ljust(10_000, b".")
# A dribbled answer comes in at most this many pieces: small ones byte by byte.
_PIECES: Final = 250
_CALLERS: Final = 8
_CALL_TRIES: Final = 3
_HEAD_END: Final = b"\r\n\r\n"
_JSON: Final = "application/json"
_THROTTLE: Final = json.dumps({"Code": 503, "Message": "Too many requests, try later."}).encode()


@dataclass(frozen=True, slots=True)
class Faults:
    """What goes wrong on order.

    Attributes:
        seed: Of the draws.
        throttled: Share of the POSTs that are answered 503.
        dribbled: Share of the answers that come byte by byte.
        dribble_s: Seconds that such an answer takes.
    """

    seed: int = 0
    throttled: float = 0.0
    dribbled: float = 0.0
    dribble_s: float = 40.0


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
    content_type: str = _JSON
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


class Service:
    """The jobs, the faults, and what is answered.

    Args:
        loop: Calls the webhooks when jobs have ended.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._since = time.time() - time.monotonic()
        self._calls: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue()
        self._answering: dict[tuple[str, str], Callable[[Ask, str], Reply]] = {
            ("POST", "convert"): self._submit,
            ("GET", "job"): self._poll,
            ("GET", "d"): self._download,
            ("DELETE", "job"): self._delete_job,
            ("DELETE", "d"): self._delete_file,
            ("GET", "user"): self._user,
        }
        self._callers = [loop.create_task(self._call_webhooks()) for _ in range(_CALLERS)]
        self.reset(Faults())

    def reset(self, faults: Faults) -> None:
        """Forget everything, and put faults in force."""
        self.faults = faults
        self.book = JobBook()

    def answer(self, ask: Ask) -> Reply:
        """Answer a request."""
        parts = ask.path.removeprefix("/async").split("/")[1:]
        answering = self._answering.get((ask.method, parts[0]))
        if answering is None:
            return self._controlled(ask)
        self.book.counts["requests"] += 1
        return answering(ask, parts[-1])

    def ended(self, reply: Reply) -> None:
        """Note that an answer has gone, or its client has."""
        if reply.polled is not None:
            self.book.end_poll(reply.polled, time.monotonic())

    def is_dribbled(self, reply: Reply) -> bool:
        """Draw whether an answer comes byte by byte, and note it."""
        faults = self.faults
        if not (reply.kind and faults.dribbled):
            return False
        place = (faults.seed, reply.kind, reply.number, reply.attempt)
        struck = is_struck(faults.dribbled, *place)
        if struck:
            self.book.dribbled.setdefault(reply.number, []).append(reply.kind)
        return struck

    def _submit(self, ask: Ask, _target: str) -> Reply:
        is_path = ask.path.startswith("/async")
        fields = {**dict(parse_qsl(ask.body.decode())), **dict(parse_qsl(ask.query))}
        book, source = self.book, Source.read(fields.get("File", ""))
        attempt = book.posts[source.number]
        book.posts[source.number] += 1
        faults = self.faults
        if is_struck(faults.throttled, faults.seed, "throttle", source.number, attempt):
            book.counts["throttled"] += 1
            return Reply(503, _THROTTLE)
        job_id = fields.get("JobId") or (secrets.token_hex(16) if is_path else str(uuid.uuid4()))
        is_new = job_id not in book.jobs
        job = book.take(job_id, source, time.monotonic())
        if is_new and "WebHook" in fields:
            announce = partial(self._announce, job, fields["WebHook"], is_path=is_path)
            self._loop.call_later(source.duration_s, announce)
        body = json.dumps({"JobId": job_id}).encode()
        return Reply(200, body, kind="post", number=source.number, attempt=attempt)

    def _poll(self, ask: Ask, job_id: str) -> Reply:
        job, now = self.book.jobs.get(job_id), time.monotonic()
        if job is None or job.is_deleted:
            self.book.counts["unknown_polls"] += 1
            return Reply(404, b"Job not found or expired.", "text/plain")
        number, attempt = job.source.number, job.polls
        if not self.book.begin_poll(job, now):
            words = b"No concurrent poll requests are allowed."
            return Reply(503, words, "text/plain", polled=job)
        status, body = (202, b"") if now < job.ready_at else (200, _result_of(job, ask.host))
        return Reply(status, body, _JSON, "poll", number, attempt, job)

    def _download(self, _ask: Ask, job_id: str) -> Reply:
        job = self.book.jobs.get(job_id)
        if job is None or job.is_file_deleted:
            return Reply(404, b"File not found or expired.", "text/plain")
        job.downloads += 1
        kind, number = "download", job.source.number
        return Reply(200, FILE, "application/pdf", kind, number, job.downloads)

    def _delete_job(self, _ask: Ask, job_id: str) -> Reply:
        job = self.book.jobs.get(job_id)
        if job is None or job.is_deleted:
            return Reply(404, b"Job not found or already deleted.", "text/plain")
        job.is_deleted = True
        self.book.counts["deletes"] += 1
        return Reply(200, kind="delete job", number=job.source.number)

    def _delete_file(self, _ask: Ask, job_id: str) -> Reply:
        job = self.book.jobs.get(job_id)
        if job is None or job.is_file_deleted:
            return Reply(404, b"File not found or expired.", "text/plain")
        job.is_file_deleted = True
        self.book.counts["deletes"] += 1
        return Reply(200, kind="delete file", number=job.source.number)

    def _user(self, _ask: Ask, _last: str) -> Reply:
        used = len(self.book.jobs)
        body = {"Active": True, "ConversionsTotal": 10**9, "ConversionsConsumed": used}
        return Reply(200, json.dumps(body).encode())

    def _controlled(self, ask: Ask) -> Reply:
        match (ask.method, ask.path):
            case ("POST", "/_load"):
                self.reset(Faults(**json.loads(ask.body)))
                return Reply(200)
            case ("POST", "/_faults"):
                self.faults = Faults(**json.loads(ask.body))
                return Reply(200)
            case ("GET", "/_audit"):
                return Reply(200, json.dumps(self.book.report(self._since)).encode())
            case ("GET", "/_counts"):
                return Reply(200, json.dumps(self.book.counts).encode())
        return Reply(404, b"There is nothing at this address.", "text/plain")

    def _announce(self, job: Job, url: str, *, is_path: bool) -> None:
        if job.is_deleted:
            return
        body = json.dumps({"JobId": job.id}).encode() if is_path else b""
        self._calls.put_nowait((url if is_path else f"{url}?JobId={job.id}", body))

    async def _call_webhooks(self) -> None:
        caller = _Caller()
        while True:
            url, body = await self._calls.get()
            for _ in range(_CALL_TRIES):
                if await caller.call(url, body):
                    self.book.counts["webhooks_taken"] += 1
                    break
            else:
                self.book.counts["webhooks_lost"] += 1


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
            head += f"Content-Type: {_JSON}\r\nContent-Length: {len(body)}\r\n"
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
    head = await reader.readuntil(_HEAD_END)
    await reader.readexactly(_length_of(head))
    return int(head.split(b" ", 2)[1])


class Connection(asyncio.Protocol):
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
        while self._slow is None and (taken := _taken(self._buffer)) is not None:
            ask, used = taken
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


def _taken(buffer: bytes) -> tuple[Ask, int] | None:
    """The first request of a buffer and its length; None while it is not whole."""
    end = buffer.find(_HEAD_END)
    if end < 0:
        return None
    head, start = buffer[:end], end + len(_HEAD_END)
    stop = start + _length_of(head)
    if len(buffer) < stop:
        return None
    method, target, _ = head[: head.find(b"\r\n")].decode().split(" ", 2)
    path, _, query = target.partition("?")
    return Ask(method, path, query, _field(head, b"host"), buffer[start:stop]), stop


def _length_of(head: bytes) -> int:
    return int(_field(head, b"content-length") or 0)


def _field(head: bytes, name: bytes) -> str:
    lowered = head.lower()
    start = lowered.find(b"\r\n" + name + b":")
    if start < 0:
        return ""
    start += len(name) + 3
    end = head.find(b"\r\n", start)
    return head[start : end if end >= 0 else len(head)].strip().decode()


def _result_of(job: Job, host: str) -> bytes:
    file = {
        "FileName": f"{job.source.number}.pdf",
        "FileExt": "pdf",
        "FileSize": len(FILE),
        "FileId": job.id,
        "Url": f"http://{host}/d/{job.id}",
    }
    return json.dumps({"ConversionCost": 1, "Files": [file]}).encode()


async def serve(port: int, on_ready: Callable[[], None]) -> None:
    """Serve on loopback until cancelled.

    Args:
        port: The port to listen on.
        on_ready: Called when it listens.
    """
    loop = asyncio.get_running_loop()
    service = Service(loop)
    server = await loop.create_server(partial(Connection, service), "127.0.0.1", port, backlog=1000)
    on_ready()
    async with server:
        await server.serve_forever()


def main() -> int:
    """Serve until the process is ended."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.service", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    port = parser.parse_args().port
    uvloop.run(serve(port, lambda: print(f"stand-in ready on {port}", flush=True)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
