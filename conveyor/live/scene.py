"""What a run has seen: the replies by what was asked, and the jobs that it followed."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from http import HTTPStatus
from typing import Any, Final

from conveyor.domain.dialect import Dialect
from conveyor.live.answers import Answer, Reply

__all__ = ["FAILING_ROLES", "Call", "JobSeen", "Role", "Scene", "speaks_of_result"]


class Role(StrEnum):
    """Why a job was started."""

    FIRST = "first"  # in the dialect that Conveyor tries first, where it lives
    SECOND = "second"  # in the other dialect
    FAILING = "failing"  # of a damaged document
    SECOND_FAILING = "second-failing"  # the same in the other dialect
    SEMI = "semi"  # semi-asynchronous: answered with the result
    PLAIN = "plain"  # without an id of ours, and without StoreFile
    RUNNING = "running"  # repeated at once, while it runs
    BAD_FILE = "bad-file"  # with a FileId that nobody knows


FAILING_ROLES: Final = (Role.FAILING, Role.SECOND_FAILING)
"""The jobs of damaged documents, in the dialect that Conveyor tries first and in the other one."""


class Call(StrEnum):
    """What became of a job's webhook."""

    CAME = "came"
    MISSING = "missing"


@dataclass(kw_only=True)
class JobSeen:
    """One job, as far as it was followed.

    Attributes:
        role: Why it was started.
        dialect: In which.
        job_id: Ours; empty where the service chose.
        start: The POST's reply, None where it was not sent.
        known_as: The id that is polled.
        polls: The polite polls, in order.
        early: A poll right after the first one.
        together: Two polls at once.
        final: The answer that told its end.
        again: A poll after that.
        call: What became of its webhook, None where there was none to wait for.
    """

    role: Role
    dialect: Dialect
    job_id: str
    start: Reply | None = None
    known_as: str = ""
    polls: list[Reply] = field(default_factory=list)
    early: Reply | None = None
    together: tuple[Reply, Reply] | None = None
    final: Answer | None = None
    again: Reply | None = None
    call: Call | None = None

    def result(self) -> dict[str, Any]:
        """The result, as its poll or its POST brought it; empty where none did."""
        for reply in (self.final, self.start):
            if not isinstance(reply, Answer) or reply.status != HTTPStatus.OK:
                continue
            if speaks_of_result(reply):
                return reply.json()
        return {}

    def start_was_taken(self) -> bool:
        """Whether the POST was answered with a job."""
        return isinstance(self.start, Answer) and "JobId" in self.start.json()

    def files(self) -> list[dict[str, Any]]:
        """The files of the result."""
        files = self.result().get("Files")
        items = files if isinstance(files, list) else []
        return [item for item in items if isinstance(item, dict)]

    def file_urls(self) -> list[str]:
        """Where its files can be downloaded."""
        return [url for file in self.files() if isinstance(url := file.get("Url"), str)]


def speaks_of_result(answer: Answer) -> bool:
    """Whether an answer holds a result, charged, in whatever form."""
    body = answer.json()
    return "Files" in body or "ConversionCost" in body


@dataclass(kw_only=True)
class Scene:
    """Everything that the facts are judged by.

    Attributes:
        base_url: The service's address.
        has_listener: Whether webhooks can arrive.
        replies: By label.
        jobs: By role.
        blocked: Why what was not asked was not, where it is no matter of what may be spent.
    """

    base_url: str
    has_listener: bool = False
    replies: dict[str, Reply] = field(default_factory=dict)
    jobs: dict[Role, JobSeen] = field(default_factory=dict)
    blocked: str = ""

    def answer(self, label: str) -> Answer | None:
        """The whole answer under a label, None where there is none."""
        reply = self.replies.get(label)
        return reply if isinstance(reply, Answer) else None

    def consumed(self, label: str) -> int | None:
        """The account's counter under a label, None where it can't be read."""
        answer = self.answer(label)
        value = answer.json().get("ConversionsConsumed") if answer is not None else None
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    def rise(self, before: str, after: str) -> int | None:
        """By how much the account's counter has risen between two labels."""
        first, last = self.consumed(before), self.consumed(after)
        return None if first is None or last is None else last - first

    def started_in(self, dialect: Dialect) -> JobSeen | None:
        """A job that was started as any other, in a dialect."""
        roles = (Role.FIRST, Role.SECOND)
        jobs = [job for role in roles if (job := self.jobs.get(role)) is not None]
        return next((job for job in jobs if job.dialect is dialect and job.start is not None), None)

    def lives(self, dialect: Dialect) -> bool:
        """Whether the address that starts jobs in a dialect is there, as far as is known."""
        answer = self.answer(f"address-{dialect}")
        return answer is None or answer.status != HTTPStatus.NOT_FOUND
