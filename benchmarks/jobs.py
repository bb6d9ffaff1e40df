"""What the stand-in knows of its jobs, and what it holds against a client.

Pure: the time is handed in, so the audit can be tested without a server.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

__all__ = ["SPACING_S", "Job", "JobBook", "Source"]

SPACING_S: Final = 5.0
# The clocks of two processes tick apart, and timers fire up to a millisecond early.
TOLERANCE_S: Final = 0.01

_SOURCE: Final = re.compile(r"(\d+)-(\d+)\.\w+$")


@dataclass(frozen=True, slots=True)
class Source:
    """What a source's address says: each load draws durations and writes them there.

    So both sides get the same durations, whoever asks, and however often.

    Attributes:
        number: Its place in the load.
        duration_s: Seconds that its conversion takes.
    """

    number: int
    duration_s: float

    @property
    def url(self) -> str:
        """Its address. Nobody fetches it."""
        millis = round(self.duration_s * 1000)
        return f"https://files.example.com/bench/{self.number}-{millis}.docx"

    @classmethod
    def read(cls, url: str) -> Source:
        """Read an address.

        Args:
            url: As a client gave it.

        Raises:
            ValueError: It is none of a load's.
        """
        found = _SOURCE.search(url)
        if found is None:
            raise ValueError(f"the source {url!r} says no duration: …/<number>-<milliseconds>.docx")
        return cls(int(found[1]), int(found[2]) / 1000)


@dataclass(slots=True)
class Job:
    """One conversion that was taken, and charged.

    Attributes:
        id: Its JobId.
        source: What is converted.
        posted_at: When it was taken, seconds of a monotonic clock.
        polls: How often it was asked for.
        polls_in_flight: Answers to polls that are on their way.
        last_poll_ended: When the last answer to a poll had gone, None before the first.
        downloads: How often its file was asked for.
        is_deleted: Whether the client has deleted it.
        is_file_deleted: Whether the client has deleted its file.
    """

    id: str
    source: Source
    posted_at: float
    polls: int = 0
    polls_in_flight: int = 0
    last_poll_ended: float | None = None
    downloads: int = 0
    is_deleted: bool = False
    is_file_deleted: bool = False

    @property
    def ready_at(self) -> float:
        """When its conversion ends."""
        return self.posted_at + self.source.duration_s


@dataclass(slots=True)
class JobBook:
    """All jobs, and the breaches of the protocol so far.

    Attributes:
        jobs: By JobId.
        counts: What was asked for, by name.
        posts: POSTs by the source's number, those that were refused too.
        dribbled: Which answers about a source came byte by byte, by its number.
    """

    jobs: dict[str, Job] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    posts: Counter[int] = field(default_factory=Counter)
    dribbled: dict[int, list[str]] = field(default_factory=dict)

    def take(self, job_id: str, source: Source, now: float) -> Job:
        """Take a job; one that is known already is not taken again, nor charged.

        Args:
            job_id: The client's, or one that was made for it.
            source: What is converted.
            now: Seconds of a monotonic clock.
        """
        known = self.jobs.get(job_id)
        if known is not None:
            self.counts["repeated_posts"] += 1
            return known
        job = self.jobs[job_id] = Job(job_id, source, now)
        return job

    def begin_poll(self, job: Job, now: float) -> bool:
        """Note a poll; it needs its `end_poll`.

        Args:
            job: The job.
            now: Seconds of a monotonic clock.

        Returns:
            Whether it keeps the rules: none other is in flight, and the last one ended 5 s ago.
        """
        job.polls += 1
        overlaps, ended = job.polls_in_flight > 0, job.last_poll_ended
        job.polls_in_flight += 1
        if overlaps:
            self.counts["overlapping_polls"] += 1
            return False
        if ended is not None and now < ended + SPACING_S - TOLERANCE_S:
            self.counts["early_polls"] += 1
            return False
        return True

    def end_poll(self, job: Job, now: float) -> None:
        """Note that a poll's answer has gone, or that its client has.

        Args:
            job: The job.
            now: Seconds of a monotonic clock.
        """
        job.polls_in_flight -= 1
        job.last_poll_ended = now

    def report(self, since: float) -> dict[str, Any]:
        """All that is known, as a JSON object.

        Args:
            since: What is added to the monotonic clock to make seconds since the epoch.
        """
        charged = Counter(job.source.number for job in self.jobs.values())
        return {
            "counts": dict(self.counts),
            "duplicates": sum(times - 1 for times in charged.values()),
            "violations": self.counts["overlapping_polls"] + self.counts["early_polls"],
            "jobs": [
                {
                    "number": job.source.number,
                    "posted_at": job.posted_at + since,
                    "ready_at": job.ready_at + since,
                    "polls": job.polls,
                    "dribbled": self.dribbled.get(job.source.number, []),
                }
                for job in self.jobs.values()
            ],
        }
