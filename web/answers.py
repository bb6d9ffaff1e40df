"""What the API answers of conversions, as models. OpenAPI is made of them."""

from __future__ import annotations

from typing import Any, Final, Literal, Self

from pydantic import ConfigDict, Field
from pydantic.config import JsonDict

from conveyor import Deletion, State, Status
from conveyor.domain import rules
from web.answer_parts import FailureAnswer, FileAnswer, ProgressAnswer
from web.languages import ENGLISH
from web.models import Metadata, Model, Timestamp, rfc3339

__all__ = [
    "ConversionAnswer",
    "ConversionPage",
    "DeadLetterAnswer",
    "DeadLetterPage",
    "DeletionAnswer",
    "FieldError",
    "ProblemAnswer",
    "StateEvent",
]

_EXAMPLE: Final[JsonDict] = {
    "id": "6f1c7a10-2f57-4c7e-9f0e-3d1f0c5b8a11",
    "state": "converting",
    "from_format": "docx",
    "to_format": "pdf",
    "created_at": "2026-11-24T21:00:00.123Z",
    "submitted_at": "2026-11-24T21:00:00.321Z",
    "ready_at": None,
    "finished_at": None,
    "deadline_at": None,
    "source_name": "report.docx",
    "metadata": {"order": 4711},
    "cost": 0,
    "polls": 0,
    "progress": {
        "fraction": 0.4,
        "elapsed_s": 2.1,
        "expected_s": 5.0,
        "note": "",
        "held": False,
        "late": False,
    },
    "files": [],
    "files_until": None,
    "failure": None,
}
_DEAD_EXAMPLE: Final[JsonDict] = {
    **_EXAMPLE,
    "state": "failed",
    "finished_at": "2026-11-24T21:00:05.456Z",
    "polls": 1,
    "failure": {
        "kind": "input",
        "reason": "damaged",
        "remedies": ["send_another_file"],
        "sentence": "This file is damaged, or it is not what its name says.",
        "advice": "Check that it opens on your computer, or choose another file.",
        "language": "en",
        "code": rules.DAMAGED,
        "status": 500,
        "message": "File is damaged.",
    },
    "replay_is_paid": True,
    "account": "ab12cd34ef56ab12",
}


class ConversionAnswer(Model):
    """A conversion's current state."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    id: str
    state: State
    from_format: str
    to_format: str
    created_at: Timestamp
    submitted_at: Timestamp | None = Field(description="When it was last sent to ConvertAPI.")
    ready_at: Timestamp | None = Field(description="When its result was seen.")
    finished_at: Timestamp | None
    deadline_at: Timestamp | None = Field(
        description="By when it must have begun; null where no deadline was set."
    )
    source_name: str = Field(
        description="The file name of its source, without path and query; empty if it has none."
    )
    metadata: Metadata
    cost: int = Field(description="What ConvertAPI charged, in its units.")
    polls: int = Field(description="How often ConvertAPI was asked.")
    progress: ProgressAnswer
    files: list[FileAnswer] = Field(description="The results; empty until it has succeeded.")
    files_until: Timestamp | None = Field(
        description="When its files are removed, or were; null where they stay until you delete it."
    )
    failure: FailureAnswer | None

    @classmethod
    def of(cls, status: Status, language: str = ENGLISH) -> Self:
        """Make the answer from a conversion's status.

        Args:
            status: The conversion and its progress.
            language: In which the end user is told of a failure.
        """
        return cls(**_members(status, language))


class DeletionAnswer(Model):
    """A conversion that was deleted with all that it left."""

    id: str
    state: Literal["deleted"] = "deleted"
    deleted_at: Timestamp = Field(description="When its deletion was asked for.")
    erased_at: Timestamp | None = Field(
        description="When nothing of it was left any more; null while workers are at it."
    )

    @classmethod
    def of(cls, deletion: Deletion) -> Self:
        """Make the answer from a deletion."""
        return cls(
            id=deletion.id,
            deleted_at=rfc3339(deletion.deleted_at),
            erased_at=_optional(deletion.erased_at),
        )


class DeadLetterAnswer(ConversionAnswer):
    """A conversion that has ended without files, and can be tried again."""

    model_config = ConfigDict(json_schema_extra={"examples": [_DEAD_EXAMPLE]})

    replay_is_paid: bool = Field(
        description="Whether a replay makes a new, paid job; else the paid result is fetched again."
    )

    account: str = Field(
        description="The account that it was last submitted for, as in `/fleet`; empty if none."
    )

    @classmethod
    def of_dead(
        cls, status: Status, language: str = ENGLISH, *, is_paid: bool, account: str = ""
    ) -> Self:
        """Make the answer from a dead letter's status.

        Args:
            status: The dead letter.
            language: In which the end user is told of the failure.
            is_paid: Whether its replay is paid again.
            account: The account that it was last submitted for.
        """
        return cls(**_members(status, language), replay_is_paid=is_paid, account=account)


class ConversionPage(Model):
    """Some conversions, the newest first."""

    conversions: list[ConversionAnswer]
    next: str | None = Field(description="Where the next page is; null on the last one.")


class DeadLetterPage(Model):
    """Some dead letters, the newest first."""

    dead_letters: list[DeadLetterAnswer]
    next: str | None = Field(description="Where the next page is; null on the last one.")


class StateEvent(Model):
    """The `data` of a server-sent event."""

    conversion: str
    state: State
    at: Timestamp
    note: str


class FieldError(Model):
    """An error in one field."""

    field: str
    message: str


class ProblemAnswer(Model):
    """RFC 9457 problem details."""

    type: str = Field(json_schema_extra={"format": "uri-reference"})
    title: str
    status: int
    detail: str = Field(description="What is wrong with this request, and what to do.")
    errors: list[FieldError] = Field(
        default_factory=list, description="What is wrong with single fields; often left out."
    )


def _members(status: Status, language: str) -> dict[str, Any]:
    conversion, failure = status.conversion, status.conversion.failure
    return {
        "id": conversion.id,
        "state": conversion.state,
        "from_format": conversion.from_format,
        "to_format": conversion.to_format,
        "created_at": rfc3339(conversion.created_at),
        "submitted_at": _optional(conversion.submitted_at),
        "ready_at": _optional(conversion.ready_at),
        "finished_at": _optional(conversion.finished_at),
        "deadline_at": _optional(conversion.deadline_at),
        "source_name": conversion.source_name,
        "metadata": dict(conversion.metadata),
        "cost": conversion.cost,
        "polls": conversion.polls,
        "progress": ProgressAnswer.of(status.progress),
        "files": [FileAnswer.of(conversion.id, file) for file in conversion.files],
        "files_until": _optional(conversion.files_until),
        "failure": FailureAnswer.of(failure, language) if failure else None,
    }


def _optional(seconds: float | None) -> str | None:
    return None if seconds is None else rfc3339(seconds)
