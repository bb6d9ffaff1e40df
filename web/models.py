"""What the API answers and takes, as models: the OpenAPI document is made of them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal, Self
from urllib.parse import quote

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from pydantic.config import JsonDict

from conveyor import AccountStatus, Conversion, Failure, FailureKind, Progress, State, StoredFile
from conveyor.domain.request import MAX_SEMI_ASYNC_S

__all__ = [
    "AccountAnswer",
    "ConversionAnswer",
    "ConversionOrder",
    "ConversionPage",
    "DeadLetterAnswer",
    "DeadLetterPage",
    "FieldError",
    "FleetAnswer",
    "FormatsAnswer",
    "HealthAnswer",
    "KindCount",
    "Params",
    "ProblemAnswer",
    "ReplayOrder",
    "SemiAsync",
    "StateEvent",
    "href_of",
    "rfc3339",
]

_MAX_SOURCES: Final = 100
_MAX_SOURCE: Final = 8192
# The service knows some sixty at one converter.
_MAX_PARAMS: Final = 200

Timestamp = Annotated[
    str,
    Field(
        json_schema_extra={"format": "date-time"},
        description="RFC 3339, in UTC, with milliseconds.",
        examples=["2026-11-24T21:00:00.123Z"],
    ),
]
Format = Annotated[
    str,
    StringConstraints(pattern=r"^\.?[A-Za-z0-9][A-Za-z0-9-]{0,19}$"),
    Field(examples=["pdf"]),
]
Source = Annotated[str, StringConstraints(min_length=1, max_length=_MAX_SOURCE)]
ParamName = Annotated[str, StringConstraints(pattern="^[A-Za-z][A-Za-z0-9]{0,63}$")]
ParamValue = str | bool | int | float
Params = Annotated[dict[ParamName, ParamValue], Field(max_length=_MAX_PARAMS)]
SemiAsync = Annotated[
    int,
    Field(
        ge=0,
        le=MAX_SEMI_ASYNC_S,
        description="Seconds that a worker keeps the connection to ConvertAPI open for the result "
        "itself: for large files. 0 never waits. Left out, the workers' setting says it.",
    ),
]


def _whole(number: Any) -> Any:
    """JSON has one kind of number: 31.0 is as whole as 31."""
    is_whole = isinstance(number, float) and number.is_integer()
    return int(number) if is_whole else number


class _Model(BaseModel):
    """Nothing but what it names; numbers that JSON knows."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, frozen=True)


class ConversionOrder(_Model):
    """An order of a conversion."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "source": "https://example.com/report.docx",
                    "to": "pdf",
                    "params": {"PageRange": "1-3"},
                }
            ]
        }
    )

    source: Source | Annotated[list[Source], Field(min_length=1, max_length=_MAX_SOURCES)] = Field(
        description="A URL, a FileId, an `s3://…` URL that workers may read, or a list of these."
    )
    to: Format = Field(description="The target format, `pdf`, or operation, `merge`.")
    from_format: Format | None = Field(
        default=None, description="The source's format; taken from its name unless given."
    )
    params: Params = Field(
        default_factory=dict,
        description="ConvertAPI's parameters, by its own names. One whose name ends in `File` "
        "takes what `source` takes, once.",
    )
    semi_async_seconds: Annotated[SemiAsync, BeforeValidator(_whole)] | None = None


class ReplayOrder(_Model):
    """An order to replay a dead letter."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"timeout": 1200}]})

    timeout: Annotated[int, Field(ge=10, le=1200), BeforeValidator(_whole)] | None = Field(
        default=None, description="ConvertAPI's `Timeout` of the new job, seconds."
    )


class ProgressAnswer(_Model):
    """A conversion's progress."""

    fraction: float | None = Field(
        description="From 0 to 1; null while nobody knows, and when it takes longer than usual."
    )
    elapsed_s: float = Field(description="Seconds since it was accepted.")
    expected_s: float | None = Field(
        description="What half of such conversions took lately, seconds."
    )
    note: str = Field(description="What holds it up, in words.")
    held: bool = Field(description="Whether the account is on hold.")
    late: bool = Field(
        description="Whether it takes longer than usual: nine of ten had ended by now."
    )

    @classmethod
    def of(cls, progress: Progress) -> Self:
        """Make the answer's member from a progress."""
        return cls(
            fraction=progress.fraction,
            elapsed_s=progress.elapsed_s,
            expected_s=progress.expected_s,
            note=progress.note,
            held=progress.held,
            late=progress.late,
        )


class FileAnswer(_Model):
    """A result file."""

    name: str
    size: int = Field(description="In bytes.")
    sha256: str
    href: str = Field(description="Where it can be fetched.")

    @classmethod
    def of(cls, conversion_id: str, file: StoredFile) -> Self:
        """Make the answer's member from a stored file."""
        href = f"{href_of(conversion_id)}/files/{quote(file.name, safe='')}"
        return cls(name=file.name, size=file.size, sha256=file.sha256, href=href)


class FailureAnswer(_Model):
    """Why a conversion has ended without files."""

    kind: FailureKind = Field(description="Who can do something about it.")
    code: int = Field(description="ConvertAPI's error code, 0 where there is none.")
    status: int = Field(description="The HTTP status that brought it, 0 where there is none.")
    message: str

    @classmethod
    def of(cls, failure: Failure) -> Self:
        """Make the answer's member from a failure."""
        return cls(
            kind=failure.kind, code=failure.code, status=failure.status, message=failure.message
        )


_EXAMPLE: Final[JsonDict] = {
    "id": "6f1c7a10-2f57-4c7e-9f0e-3d1f0c5b8a11",
    "state": "converting",
    "from_format": "docx",
    "to_format": "pdf",
    "created_at": "2026-11-24T21:00:00.123Z",
    "submitted_at": "2026-11-24T21:00:00.321Z",
    "ready_at": None,
    "finished_at": None,
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
    "failure": None,
}
_DEAD_EXAMPLE: Final[JsonDict] = {
    **_EXAMPLE,
    "state": "failed",
    "finished_at": "2026-11-24T21:00:05.456Z",
    "polls": 1,
    "failure": {"kind": "input", "code": 5002, "status": 500, "message": "File is damaged."},
    "replay_is_paid": True,
}


class ConversionAnswer(_Model):
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
    cost: int = Field(description="What ConvertAPI charged, in its units.")
    polls: int = Field(description="How often ConvertAPI was asked.")
    progress: ProgressAnswer
    files: list[FileAnswer] = Field(description="The results; empty until it has succeeded.")
    failure: FailureAnswer | None

    @classmethod
    def of(cls, conversion: Conversion, progress: Progress) -> Self:
        """Make the answer from a conversion and its progress."""
        return cls(**_members(conversion, progress))


class DeadLetterAnswer(ConversionAnswer):
    """A conversion that has ended without files, and can be tried again."""

    model_config = ConfigDict(json_schema_extra={"examples": [_DEAD_EXAMPLE]})

    replay_is_paid: bool = Field(
        description="Whether a replay makes a new, paid job; else the paid result is fetched again."
    )

    @classmethod
    def of_dead(cls, conversion: Conversion, progress: Progress, *, is_paid: bool) -> Self:
        """Make the answer from a dead letter and its progress."""
        return cls(**_members(conversion, progress), replay_is_paid=is_paid)


class ConversionPage(_Model):
    """Some conversions, the newest first."""

    conversions: list[ConversionAnswer]
    next: str | None = Field(description="Where the next page is; null on the last one.")


class DeadLetterPage(_Model):
    """Some dead letters, the newest first."""

    dead_letters: list[DeadLetterAnswer]
    next: str | None = Field(description="Where the next page is; null on the last one.")


class StateEvent(_Model):
    """The `data` of a server-sent event."""

    conversion: str
    state: State
    at: Timestamp
    note: str


class FormatsAnswer(_Model):
    """The known pairs of formats."""

    formats: Mapping[str, list[str]] = Field(examples=[{"docx": ["html", "pdf"]}])


class KindCount(_Model):
    """Dead letters of one class."""

    kind: FailureKind
    count: int


class AccountAnswer(_Model):
    """An account at ConvertAPI, by its name."""

    account: str
    held: str = Field(description="Why it is on hold; empty when it is not.")
    held_s: float = Field(description="For how long, seconds.")
    ends: str = Field(description="How the hold ends; empty when there is none.")
    rate: float | None = Field(
        description="Submits a second that throttles have left it; null where nothing bounds them."
    )
    jobs: int = Field(description="Conversions that ConvertAPI works on.")

    @classmethod
    def of(cls, account: AccountStatus) -> Self:
        """Make the answer from an account's status."""
        return cls(
            account=account.account,
            held=account.held,
            held_s=account.held_s,
            ends=account.ends,
            rate=account.rate,
            jobs=account.jobs,
        )


class FleetAnswer(_Model):
    """The fleet at a glance."""

    states: Mapping[State, int]
    throughput: list[int] = Field(
        description="Conversions that succeeded in each of the last 30 minutes, the present last."
    )
    dead_letters: list[KindCount]
    oldest_overdue_s: float
    unreadable: int = Field(description="Entries in Redis that can't be read.")
    lost: int = Field(description="Conversions whose entry in Redis is gone.")
    newer: int = Field(description="Conversions that a later release of Conveyor has written.")
    leftovers: int = Field(description="Jobs and files still to be deleted at ConvertAPI.")
    accounts: list[AccountAnswer]
    flower_url: str | None


class HealthAnswer(_Model):
    """The answer of a healthy process."""

    status: Literal["ok"] = "ok"


class FieldError(_Model):
    """An error in one field."""

    field: str
    message: str


class ProblemAnswer(_Model):
    """RFC 9457 problem details."""

    type: str = Field(json_schema_extra={"format": "uri-reference"})
    title: str
    status: int
    detail: str = Field(description="What is wrong with this request, and what to do.")
    errors: list[FieldError] = Field(
        default_factory=list, description="What is wrong with single fields; often left out."
    )


def rfc3339(seconds: float) -> str:
    """A time as the API writes it.

    Args:
        seconds: Since the epoch.
    """
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def href_of(conversion_id: str) -> str:
    """The URL of a conversion."""
    return f"/conversions/{quote(conversion_id, safe='')}"


def _members(conversion: Conversion, progress: Progress) -> dict[str, Any]:
    failure = conversion.failure
    return {
        "id": conversion.id,
        "state": conversion.state,
        "from_format": conversion.from_format,
        "to_format": conversion.to_format,
        "created_at": rfc3339(conversion.created_at),
        "submitted_at": _optional(conversion.submitted_at),
        "ready_at": _optional(conversion.ready_at),
        "finished_at": _optional(conversion.finished_at),
        "cost": conversion.cost,
        "polls": conversion.polls,
        "progress": ProgressAnswer.of(progress),
        "files": [FileAnswer.of(conversion.id, file) for file in conversion.files],
        "failure": FailureAnswer.of(failure) if failure else None,
    }


def _optional(seconds: float | None) -> str | None:
    return None if seconds is None else rfc3339(seconds)
