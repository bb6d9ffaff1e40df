"""Every answer to a submit or a poll, as one small typed value."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from conveyor.domain.conversion import StoredFile

__all__ = [
    "Busy",
    "Failed",
    "Finished",
    "InProgress",
    "Lost",
    "NotFound",
    "PollAnswer",
    "RemoteFile",
    "Result",
    "Started",
    "SubmitAnswer",
    "Throttled",
    "Unreadable",
    "Unsent",
]


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A result file, at the service or already kept.

    Attributes:
        name: As the service calls it: data, not yet a safe name.
        url: Where the service keeps it, at most three hours; empty where the answer held the bytes.
        size: In bytes, None where the service did not say.
        kept: What was stored of an answer that held the bytes themselves: they came only once.
    """

    name: str
    url: str = ""
    size: int | None = None
    kept: StoredFile | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """A finished conversion at the service: it has been charged.

    Attributes:
        cost: In the service's units.
        files: Its files. None where the conversion found nothing to extract, which is paid too.
        extra: Fields of the answer that we have no name for; kept, not refused.
    """

    cost: int
    files: tuple[RemoteFile, ...]
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Started:
    """Submit: the service has the job. ``job_id`` is the one it answered with."""

    job_id: str


@dataclass(frozen=True, slots=True)
class Finished:
    """Submit or poll: the result itself."""

    result: Result


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Submit or poll: a whole 200 that speaks of a result, and can't be read. It has been paid.

    Attributes:
        reason: What can't be read, in words.
        answer: The answer's text, redacted and at most 2,000 characters: support asks for it.
        cost: In the service's units, as far as the answer says; 1 where it does not.
    """

    reason: str
    answer: str
    cost: int = 1


@dataclass(frozen=True, slots=True)
class Throttled:
    """Submit: 503 with an integer ``Code``, 425 or 429. Nothing was started.

    Attributes:
        retry_after_s: Seconds, as ``Retry-After`` says; None where it does not.
    """

    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class InProgress:
    """Poll: 202."""


@dataclass(frozen=True, slots=True)
class Busy:
    """Poll: come again later. It says nothing of the job, and is never a failure.

    503 (a poll is in flight, or it came too early), 408, 409, 423, 425, 429, and 401 to 403, which
    no job answers: polls carry no credentials.

    Attributes:
        retry_after_s: Seconds, as ``Retry-After`` says; None where it does not.
        status: The HTTP status.
    """

    retry_after_s: float | None = None
    status: int = 503


@dataclass(frozen=True, slots=True)
class NotFound:
    """Submit: no such address in this dialect. Poll: the id is invalid or expired."""

    message: str = ""


@dataclass(frozen=True, slots=True)
class Failed:
    """Submit or poll: the service's own error.

    Attributes:
        status: The HTTP status.
        code: ConvertAPI's ``Code``, 0 where there is none.
        message: ConvertAPI's ``Message``.
    """

    status: int
    code: int
    message: str


@dataclass(frozen=True, slots=True)
class Lost:
    """Submit or poll: the request went out and no whole answer of the service came back.

    Attributes:
        reason: In words, without an address.
        status: The HTTP status of whoever answered in its place, 0 where nobody did.
        closed_at_once: The connection closed without an answer, soon after the request had gone
            out: then no gateway holds the request, to deliver it later.
        paid: What came speaks of a result, but breaks off, could not be kept, or is a file that
            nothing vouches for. Ask for the job, and never POST again.
    """

    reason: str
    status: int = 0
    closed_at_once: bool = False
    paid: bool = False


@dataclass(frozen=True, slots=True)
class Unsent:
    """Submit or poll: no connection, so nothing was sent."""

    reason: str


SubmitAnswer = Started | Finished | Unreadable | Throttled | NotFound | Failed | Lost | Unsent
PollAnswer = Finished | Unreadable | InProgress | Busy | NotFound | Failed | Lost | Unsent
