"""Jobs, polled to their end: politely, but where the rule itself is tried."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from conveyor.domain import rules
from conveyor.live.answers import Answer, Reply
from conveyor.live.free import job_path
from conveyor.live.scene import JobSeen
from conveyor.live.service import Service

__all__ = ["Limits", "Poller", "is_refused"]

_OK: Final = 200
_NOT_FOUND: Final = 404
#: Timers fire a moment early, and the service counts from an end of its own.
_MARGIN_S: Final = 0.02


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds in seconds.

    Attributes:
        spacing: Between two polls of a job.
        job: For a job to end.
        webhook: For a webhook to come, once its job has ended.
    """

    spacing: float = rules.LEAST_SPACING_S
    job: float = 120.0
    webhook: float = 30.0


class Poller:
    """Polls jobs.

    Args:
        service: Answers.
        limits: The bounds.
    """

    def __init__(self, service: Service, limits: Limits) -> None:
        self._service = service
        self._limits = limits

    def follow(self, job: JobSeen, *, closely: bool) -> None:
        """Poll a job to its end, politely but where the rule itself is tried.

        Args:
            job: What was started. It takes the polls, and the end.
            closely: Whether to poll too soon and twice at a time as well.
        """
        if not job.known_as or is_refused(job.start):
            return
        label = f"{job.role}-poll"
        job.polls.append(self.poll(label, job))
        if _is_unknown(job.polls[0]) and not isinstance(job.start, Answer):
            self._service.scene.blocked = "The POST was lost, and its job is not known."
        if _is_unknown(job.polls[0]):
            return
        if closely:
            job.early = self.poll(f"{label}-early", job)
            self.pause()
            job.together = self._poll_together(label, job)
        job.final = _ended(job.polls[0]) or self.poll_until_end(job, label, job.polls)
        if closely and job.final is not None:
            self.pause()
            job.again = self.poll(f"{label}-again", job)

    def poll_until_end(self, job: JobSeen, label: str, polls: list[Reply]) -> Answer | None:
        """Poll a job until its end is seen, it turns out to be unknown, or its time is over.

        Args:
            job: The job.
            label: What the end is called, before ``-end``.
            polls: Takes each reply.

        Returns:
            The end; None where it was not seen.
        """
        give_up = time.monotonic() + self._limits.job
        while time.monotonic() < give_up:
            self.pause()
            polls.append(self.poll(label, job))
            if (final := _ended(polls[-1])) is not None:
                self._service.scene.replies[f"{label}-end"] = final
                return final
            if _is_unknown(polls[-1]):
                return None
        return None

    def _poll_together(self, label: str, job: JobSeen) -> tuple[Reply, Reply]:
        with ThreadPoolExecutor(2) as threads:
            polls = [threads.submit(self.poll, f"{label}-together", job) for _ in range(2)]
            return polls[0].result(), polls[1].result()

    def poll(self, label: str, job: JobSeen) -> Reply:
        """Poll a job once. It takes no credential: the id opens the result.

        Args:
            label: What is asked.
            job: The job.
        """
        return self._service.ask(label, "GET", job_path(job.dialect), ids={"job": job.known_as})

    def pause(self) -> None:
        """Wait for as long as two polls of a job are to be apart."""
        time.sleep(self._limits.spacing + _MARGIN_S)


def _ended(reply: Reply) -> Answer | None:
    """The reply, if it tells how a job ended: the result, or an error of the service's."""
    if not isinstance(reply, Answer):
        return None
    failed = reply.status >= HTTPStatus.BAD_REQUEST and reply.code is not None
    final = reply.status == _OK or (
        failed and reply.status != _NOT_FOUND and not reply.asks_for_patience
    )
    return reply if final and not reply.refuses_credentials else None


def _is_unknown(reply: Reply) -> bool:
    return isinstance(reply, Answer) and reply.status == _NOT_FOUND


def is_refused(reply: Reply | None) -> bool:
    """Whether the service itself says that it started nothing.

    Args:
        reply: Of a POST; None where it was not sent.
    """
    return (
        isinstance(reply, Answer)
        and reply.code is not None
        and reply.status >= HTTPStatus.BAD_REQUEST
    )
