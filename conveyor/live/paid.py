"""What costs conversions: jobs, followed from their POST to their deletion."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from typing import Final
from uuid import uuid4

from conveyor.domain.dialect import Dialect
from conveyor.live.answers import Answer, Reply
from conveyor.live.free import DAMAGED, DAMAGED_PAIR, PAIR, Uploads, file_id_of, job_path
from conveyor.live.hosts import is_accepted
from conveyor.live.listener import Listener
from conveyor.live.polling import Limits, Poller, is_refused
from conveyor.live.scene import Call, JobSeen, Role, speaks_of_result
from conveyor.live.service import Service

__all__ = ["Operator"]

_OK: Final = 200
_JOB_ID: Final = re.compile(r"[A-Za-z0-9_-]{8,64}")
#: Of a result, so many files are looked at.
_MAX_FILES: Final = 3


class Operator:
    """Starts jobs and follows them.

    Args:
        service: Takes them.
        uploads: Has their source.
        limits: The bounds.
        listener: Waits for webhooks, None where none can come.
    """

    def __init__(
        self, service: Service, uploads: Uploads, limits: Limits, listener: Listener | None
    ) -> None:
        self._service = service
        self._uploads = uploads
        self._poller = Poller(service, limits)
        self._webhook_s = limits.webhook
        self._listener = listener

    def convert(self, role: Role, dialect: Dialect) -> JobSeen:
        """Start a job under an id of ours, and follow it to its end."""
        job = self._new(role, dialect)
        self._start(job, f"{role}-start", self._query(job))
        self._poller.follow(job, closely=role is Role.FIRST)
        self._await_call(job)
        self._look_at_files(job)
        return job

    def fail(self, role: Role, dialect: Dialect) -> None:
        """Start a job that can't succeed: its document is damaged."""
        source = file_id_of(self._uploads.upload(f"{role}-upload", *DAMAGED))
        if not source:
            return
        job = self._new(role, dialect)
        self._start(job, f"{role}-start", self._query(job), source=source, pair=DAMAGED_PAIR)
        self._poller.follow(job, closely=False)
        self._await_call(job)
        self.delete(job)

    def name_no_file(self, dialect: Dialect) -> None:
        """Start a job with a FileId that nobody knows."""
        job = self._new(Role.BAD_FILE, dialect)
        self.read_counter("user-before-bad-file")
        self._start(job, "bad-file-start", self._query(job), source=secrets.token_hex(16))
        self._poller.follow(job, closely=False)
        self.read_counter("user-after-bad-file")
        self.delete(job)

    def repeat(self) -> None:
        """Post the first job once more, under the same id."""
        job = self._service.scene.jobs[Role.FIRST]
        self.read_counter("user-before-repeat")
        reply = self._post_again("repeat", job)
        if isinstance(reply, Answer) and reply.status == _OK and not speaks_of_result(reply):
            reply = self._poller.poll_until_end(job, "repeat-poll", []) or reply
        self._remove_files_of(reply)
        self.read_counter("user-after-repeat")

    def repeat_while_running(self, dialect: Dialect) -> None:
        """Start a job, and post it once more at once."""
        job = self._new(Role.RUNNING, dialect)
        self.read_counter("user-before-running")
        self._start(job, "running-start", self._query(job))
        self._post_again("running-repeat", job)
        job.final = self._poller.poll_until_end(job, "running-poll", job.polls)
        self.read_counter("user-after-running")
        self.delete(job)

    def convert_semi_asynchronously(self) -> None:
        """Ask for the result itself, and for the job by its id after that."""
        job = self._new(Role.SEMI, Dialect.QUERY)
        self._start(job, "semi-start", Dialect.QUERY.start_query(job.job_id, semi=True))
        self._poller.follow(job, closely=False)
        self.delete(job)

    def convert_plainly(self, dialect: Dialect) -> None:
        """Let the service choose the id, and the way in which the result comes."""
        job = self._new(Role.PLAIN, dialect, own_id=False)
        query = {} if dialect is Dialect.PATH else {"Async": "true"}
        self._start(job, "plain-start", query, stored=False)
        self._poller.follow(job, closely=False)
        self.delete(job)

    def delete(self, job: JobSeen) -> None:
        """Delete a job, and look whether it and its files are gone."""
        if not job.known_as or is_refused(job.start):
            return
        role, urls = job.role, self._urls(job)
        self._delete_job(f"{role}-delete", job)
        self._poller.pause()
        self._poller.poll(f"{role}-poll-deleted", job)
        self._delete_job(f"{role}-delete-again", job)
        for url in urls:
            self._service.fetch(f"{role}-file-after-delete", "GET", url)
            self._service.fetch(f"{role}-file-delete", "DELETE", url)

    def read_counter(self, label: str) -> None:
        """Note the account's counters, where they can be read."""
        if self._service.scene.consumed("user") is not None:
            self._service.ask(label, "GET", "/user", bearer=self._service.credential.reader)

    def _new(self, role: Role, dialect: Dialect, *, own_id: bool = True) -> JobSeen:
        job_id = dialect.job_id(uuid4()) if own_id else ""
        if job_id:
            self._service.tape.note_id(job_id, "job-id")
        job = JobSeen(role=role, dialect=dialect, job_id=job_id)
        self._service.scene.jobs[role] = job
        return job

    def _query(self, job: JobSeen) -> dict[str, str]:
        query = job.dialect.start_query(job.job_id)
        return query if self._listener is None else {**query, "WebHook": self._listener.url}

    def _start(
        self,
        job: JobSeen,
        label: str,
        query: Mapping[str, str],
        *,
        source: str = "",
        pair: tuple[str, str] = PAIR,
        stored: bool = True,
    ) -> None:
        form = {"File": source or self._uploads.source}
        form.update({"StoreFile": "true"} if stored else {})
        job.start = self._service.pay(label, job.dialect.start_path(*pair), query, form)
        returned = job.start.json().get("JobId") if isinstance(job.start, Answer) else None
        # Where the answer was lost, our own id is all that we have, and what it is for.
        known = returned if isinstance(returned, str) and returned else job.job_id
        job.known_as = known if _JOB_ID.fullmatch(known) else ""

    def _post_again(self, label: str, job: JobSeen) -> Reply:
        form = {"File": self._uploads.source, "StoreFile": "true"}
        path = job.dialect.start_path(*PAIR)
        return self._service.pay(label, path, self._query(job), form)

    def _delete_job(self, label: str, job: JobSeen) -> None:
        bearer, ids = self._service.credential.bearer, {"job": job.known_as}
        self._service.ask(label, "DELETE", job_path(job.dialect), ids=ids, bearer=bearer)

    def _await_call(self, job: JobSeen) -> None:
        if self._listener is None or job.final is None:
            return
        came = self._listener.wait_for(job.known_as, self._webhook_s)
        job.call = Call.CAME if came else Call.MISSING

    def _look_at_files(self, job: JobSeen) -> None:
        for url in self._urls(job)[:1]:
            self._service.fetch(f"{job.role}-file", "GET", url)

    def _remove_files_of(self, reply: Reply) -> None:
        """Remove what another conversion of the first job has made."""
        first = self._service.scene.jobs[Role.FIRST]
        other = JobSeen(role=Role.FIRST, dialect=first.dialect, job_id="", start=reply)
        for url in set(self._urls(other)) - set(self._urls(first)):
            self._service.fetch("clean-up", "DELETE", url)

    def _urls(self, job: JobSeen) -> list[str]:
        return [url for url in job.file_urls() if is_accepted(url)][:_MAX_FILES]
