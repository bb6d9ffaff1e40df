"""The stand-in of the service: it converts nothing, and costs next to nothing.

It speaks both dialects as far as a worker and the peers use them. A conversion takes as long as its
source's address says.

``POST /_load`` forgets everything and sets the faults, ``POST /_faults`` sets them alone, and
``GET /_audit`` tells what was seen.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import time
import uuid
from collections.abc import Callable
from functools import partial
from typing import Final
from urllib.parse import parse_qsl

from benchmarks.faults import Faults, is_struck
from benchmarks.jobs import Job, JobBook, Source
from benchmarks.webhooks import Webhooks
from benchmarks.wire import JSON, Ask, Reply

__all__ = ["FILE", "Service"]

FILE: Final = b"%PDF-1.7 a result of ten thousand bytes\n".ljust(10_000, b".")
_THROTTLE: Final = json.dumps({"Code": 503, "Message": "Too many requests, try later."}).encode()


class Service:
    """The jobs, the faults, and what is answered.

    Args:
        loop: Calls the webhooks when jobs have ended.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._since = time.time() - time.monotonic()
        self._answering: dict[tuple[str, str], Callable[[Ask, str], Reply]] = {
            ("POST", "convert"): self._submit,
            ("GET", "job"): self._poll,
            ("GET", "d"): self._download,
            ("DELETE", "job"): self._delete_job,
            ("DELETE", "d"): self._delete_file,
            ("GET", "user"): self._user,
        }
        self._webhooks = Webhooks(loop, self._count)
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
            announce = partial(self._webhooks.announce, job, fields["WebHook"], is_path=is_path)
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
        return Reply(status, body, JSON, "poll", number, attempt, job)

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

    def _count(self, name: str) -> None:
        self.book.counts[name] += 1


def _result_of(job: Job, host: str) -> bytes:
    file = {
        "FileName": f"{job.source.number}.pdf",
        "FileExt": "pdf",
        "FileSize": len(FILE),
        "FileId": job.id,
        "Url": f"http://{host}/d/{job.id}",
    }
    return json.dumps({"ConversionCost": 1, "Files": [file]}).encode()
