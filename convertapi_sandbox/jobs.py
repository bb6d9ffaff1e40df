"""Asynchronous jobs and the rules under which they may be polled.

Source: ConvertAPI, "Asynchronous conversions": one poll of a job at a time, the next one only
five seconds later, jobs removed after two hours at most.
"""

from __future__ import annotations

import asyncio
import re
import secrets
import string
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final

from convertapi_sandbox.config import Dialect
from convertapi_sandbox.errors import ApiError
from convertapi_sandbox.files import StoredFile

__all__ = ["Failure", "Job", "JobBook", "Outcome", "Success", "Turn", "is_job_id", "new_job_id"]

# Clocks of two processes tick apart: a poll this much too soon is not held against its client.
_CLOCK_TOLERANCE_S: Final = 0.002

_OWN_ID: Final = {
    Dialect.QUERY: re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"),
    Dialect.PATH: re.compile(r"[a-z0-9]{32}"),
}
_PATH_ALPHABET: Final = string.ascii_lowercase + string.digits


def is_job_id(text: str, dialect: Dialect) -> bool:
    """Tell whether a text has the form that a dialect asks of a JobId.

    Args:
        text: What was given.
        dialect: In which it was given.
    """
    return _OWN_ID[dialect].fullmatch(text) is not None


def new_job_id(dialect: Dialect) -> str:
    """Return a fresh JobId in a dialect's form.

    Args:
        dialect: In which the job is asked for.
    """
    if dialect is Dialect.QUERY:
        return str(uuid.uuid4())
    return "".join(secrets.choice(_PATH_ALPHABET) for _ in range(32))


@dataclass(frozen=True)
class Success:
    """A conversion's result.

    Args:
        files: Its files, in order.
        stored: Whether the client downloads them by `Url`.
        base_url: Base of these `Url`s.
    """

    files: tuple[StoredFile, ...]
    stored: bool
    base_url: str


@dataclass(frozen=True)
class Failure:
    """A failed conversion."""

    error: ApiError


Outcome = Success | Failure


class Turn(Enum):
    """What becomes of a poll."""

    GRANTED = auto()
    OVERLAPPING = auto()  # another poll of the job is in flight
    EARLY = auto()  # the last poll ended less than the spacing ago


@dataclass(eq=False, kw_only=True)
class Job:
    """One conversion, running or finished.

    Args:
        id: Its JobId, as given or as handed out.
        dialect: In which it was started; only that dialect's addresses know it.
        created: Clock reading, in seconds, at its start.
        outcome: How it ended; None while it runs.
        seen: Whether a poll has brought its outcome to the client in full.
        task: What runs it.
    """

    id: str
    dialect: Dialect
    created: float
    outcome: Outcome | None = None
    seen: bool = False
    task: asyncio.Task[Outcome] | None = None
    _in_flight: bool = field(default=False, init=False)
    _last_poll_ended: float | None = field(default=None, init=False)

    def begin_poll(self, now: float, spacing: float) -> Turn:
        """Admit or refuse a poll. Each needs its `end_poll`, the refused ones too.

        Args:
            now: Clock reading, in seconds.
            spacing: Seconds that must have passed since the last poll ended.
        """
        if self._in_flight:
            return Turn.OVERLAPPING
        ended = self._last_poll_ended
        if ended is not None and now < ended + spacing - _CLOCK_TOLERANCE_S:
            return Turn.EARLY
        self._in_flight = True
        return Turn.GRANTED

    def end_poll(self, turn: Turn, now: float) -> None:
        """Note that a poll was answered; the spacing of the next counts from here.

        Args:
            turn: What `begin_poll` has said of it.
            now: Clock reading, in seconds.
        """
        if turn is Turn.GRANTED:
            self._in_flight = False
        self._last_poll_ended = now


class JobBook:
    """All jobs that are not forgotten yet.

    Args:
        ttl_s: Seconds that a job lives.
        clock: Reading in seconds, monotonic.
    """

    def __init__(self, *, ttl_s: float, clock: Callable[[], float]) -> None:
        self._ttl_s = ttl_s
        self._clock = clock
        # In order of creation, so that the oldest expire from the front.
        self._jobs: dict[str, Job] = {}

    def open(self, job_id: str, dialect: Dialect) -> Job:
        """Start a job; an earlier one under the same id is forgotten.

        Args:
            job_id: Its JobId.
            dialect: In which it was started.
        """
        self._expire()
        self._jobs.pop(job_id, None)
        job = self._jobs[job_id] = Job(id=job_id, dialect=dialect, created=self._clock())
        return job

    def find(self, job_id: str, dialect: Dialect) -> Job | None:
        """Return a living job, if the dialect knows one under this id.

        Args:
            job_id: Its JobId.
            dialect: In which it is asked for.
        """
        self._expire()
        job = self._jobs.get(job_id)
        return job if job is not None and job.dialect is dialect else None

    def remove(self, job: Job) -> None:
        """Forget a job.

        Args:
            job: One of these; another one under its id stays.
        """
        if self._jobs.get(job.id) is job:
            del self._jobs[job.id]

    def clear(self) -> list[Job]:
        """Forget all jobs and return them."""
        jobs = list(self._jobs.values())
        self._jobs.clear()
        return jobs

    def _expire(self) -> None:
        horizon = self._clock() - self._ttl_s
        while self._jobs:
            oldest = next(iter(self._jobs.values()))
            if oldest.created > horizon:
                return
            del self._jobs[oldest.id]
