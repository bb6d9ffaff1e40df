"""What the API takes, as models, and what all models share. OpenAPI is made of them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal
from urllib.parse import quote

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from conveyor import NoticeStatus, TryReason
from conveyor.domain import metadata, rules
from conveyor.domain.deadlines import MOST_S

__all__ = [
    "CallbackEvents",
    "CallbackUrl",
    "CallbacksReplayOrder",
    "ConversionOrder",
    "Deadline",
    "Format",
    "Keep",
    "Metadata",
    "Model",
    "Params",
    "QueryTime",
    "ReplayOrder",
    "SemiAsync",
    "Timestamp",
    "href_of",
    "rfc3339",
]

_MAX_SOURCES: Final = 100
_MAX_SOURCE: Final = 8192
# The service knows some sixty at one converter.
_MAX_PARAMS: Final = 200
_MOST_REPLAYED: Final = 10_000

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
MetadataKey = Annotated[str, StringConstraints(pattern=f"^{metadata.KEY}$")]
MetadataText = Annotated[str, StringConstraints(max_length=metadata.MAX_BYTES)]
MetadataNumber = Annotated[int, Field(ge=-metadata.MAX_NUMBER, le=metadata.MAX_NUMBER)] | float
MetadataValue = MetadataText | bool | MetadataNumber
Metadata = Annotated[
    dict[MetadataKey, MetadataValue],
    Field(
        max_length=metadata.MAX_KEYS,
        description="Your own data about it, shown wherever it is shown, and searchable: text, "
        f"numbers and booleans, {metadata.MAX_BYTES} bytes in all. Keep secrets out of it.",
        examples=[{"order": 4711}],
    ),
]
# Read by `deadline_from_text`: pydantic would take "600" for a time.
_Time = Annotated[
    str, StringConstraints(max_length=64), Field(json_schema_extra={"format": "date-time"})
]
Deadline = Annotated[
    Annotated[float, Field(gt=0, le=MOST_S)] | _Time,
    Field(
        description="By when it must have begun at ConvertAPI: seconds from now, or a time in RFC "
        "3339 with its zone. What has not begun by then is cancelled, unpaid.",
        examples=[600, "2026-11-26T18:00:00Z"],
    ),
]
SemiAsync = Annotated[
    int,
    Field(
        ge=0,
        le=rules.MAX_SEMI_ASYNC_S,
        description="Seconds that a worker keeps the connection to ConvertAPI open for the result "
        "itself: for large files. 0 never waits. Left out, the workers' setting says it.",
    ),
]


CallbackUrl = Annotated[
    str,
    StringConstraints(min_length=1, max_length=2000),
    Field(
        description="An https address that Conveyor calls when the conversion has ended.",
        examples=["https://shop.example/hooks"],
    ),
]
CallbackEvents = Annotated[
    Literal["ends", "changes"],
    Field(description="Whether it hears of the end alone, or of every change of state."),
]

Keep = Annotated[
    str,
    StringConstraints(pattern=r"^[0-9]{1,9}[smhdw]?$"),
    Field(
        description="How long the result files stay once the outcome is delivered: a number of "
        "seconds, or one with `m`, `h`, `d` or `w`. From a minute to ten years.",
        examples=["7d"],
    ),
]


def _whole(number: Any) -> Any:
    """JSON has one kind of number: 31.0 is as whole as 31."""
    is_whole = isinstance(number, float) and number.is_integer()
    return int(number) if is_whole else number


def _no_number(given: Any) -> Any:
    """Pydantic takes a number in a query for seconds since the epoch; the description does not."""
    if isinstance(given, str) and given.replace(".", "", 1).lstrip("+-").isdecimal():
        raise ValueError("Write a time with its zone, for example 2026-11-26T18:00:00Z")
    return given


QueryTime = Annotated[AwareDatetime, BeforeValidator(_no_number)]


class Model(BaseModel):
    """Nothing but what it names; numbers that JSON knows."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, frozen=True)


class ConversionOrder(Model):
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
    metadata: Metadata = Field(default_factory=dict)
    deadline: Deadline | None = None
    callback: CallbackUrl | None = None
    callback_events: CallbackEvents | None = None
    keep: Keep | None = None


class ReplayOrder(Model):
    """An order to replay a dead letter."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"timeout": rules.MOST_TIMEOUT_S}]})

    timeout: (
        Annotated[
            int, Field(ge=rules.LEAST_TIMEOUT_S, le=rules.MOST_TIMEOUT_S), BeforeValidator(_whole)
        ]
        | None
    ) = Field(default=None, description="ConvertAPI's `Timeout` of the new job, seconds.")


class CallbacksReplayOrder(Model):
    """Which callbacks are sent again: all that is given must fit."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "unreachable"}]})

    status: NoticeStatus | None = None
    reason: TryReason | None = None
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None
    limit: int = Field(default=1000, ge=1, le=_MOST_REPLAYED)


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
