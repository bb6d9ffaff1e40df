"""Endpoints of conversions: enqueue, read, list, cancel."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Annotated, Any, Final

from fastapi import APIRouter, Header, Query, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from conveyor import Conversion, Conveyor, State, Status, UnknownConversion
from conveyor.domain.metadata import KEY, MAX_BYTES, MAX_KEYS, metadata_from_pairs
from web.answers import ConversionAnswer, ConversionPage, DeletionAnswer
from web.languages import Language
from web.models import ConversionOrder, href_of
from web.openapi import problems
from web.orders import DocumentQuery, Order, read_order
from web.outcome import outcome_of
from web.paging import PageQuery, next_page
from web.problems import Kind
from web.staging import staging
from web.wiring import Wired

__all__ = ["router"]

router = APIRouter(tags=["conversions"])

IdempotencyKey = Annotated[
    str | None,
    Header(
        min_length=1,
        max_length=255,
        description="The same key is the same conversion for 7 days.",
        examples=["invoice-7"],
    ),
]

MetadataPair = Annotated[str, StringConstraints(pattern=f"^{KEY}=", max_length=MAX_BYTES)]

# Each is a look at Redis.
_IDS: Final = r"^[^,]+(,[^,]+){0,49}$"
_LOCATION: Final = {
    "Location": {"description": "The conversion's URL.", "schema": {"type": "string"}},
}
_PROPERTIES: Final = ConversionOrder.model_json_schema()["properties"]
_FORMAT: Final = _PROPERTIES["to"]
# There is no null in a form.
_FROM_FORMAT: Final = {
    **_PROPERTIES["from_format"]["anyOf"][0],
    "description": _PROPERTIES["from_format"]["description"],
}
_SEMI_ASYNC: Final = _PROPERTIES["semi_async_seconds"]["anyOf"][0]
_CALLBACK: Final = _PROPERTIES["callback"]["anyOf"][0]
_KEEP: Final = _PROPERTIES["keep"]["anyOf"][0]
_CALLBACK_EVENTS: Final = _PROPERTIES["callback_events"]["anyOf"][0]
_BODY: Final[Mapping[str, Any]] = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {"$ref": "#/components/schemas/ConversionOrder"},
            "example": {"source": "https://example.com/report.docx", "to": "pdf"},
        },
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["file", "to"],
                "additionalProperties": False,
                # Any other parameter that is a file.
                "patternProperties": {
                    "^[A-Za-z][A-Za-z0-9]{0,59}[Ff][Ii][Ll][Ee]$": {
                        "type": "string",
                        "format": "binary",
                        "minLength": 1,
                        "description": "A parameter that is a file, with a file name: "
                        "`OverlayFile`.",
                    }
                },
                "properties": {
                    "file": {
                        "type": "array",
                        "minItems": 1,
                        "maxItems": 96,
                        "items": {"type": "string", "format": "binary", "minLength": 1},
                        "description": "The documents, each with a file name.",
                    },
                    "to": _FORMAT,
                    "from_format": _FROM_FORMAT,
                    "params": {
                        "type": "string",
                        "maxLength": 65536,
                        "description": "ConvertAPI's parameters, a JSON object.",
                        "examples": ['{"PageRange": "1-3"}'],
                    },
                    "semi_async_seconds": _SEMI_ASYNC,
                    "metadata": {
                        "type": "string",
                        "maxLength": 65536,
                        "description": "Your own data about it, a JSON object.",
                        "examples": ['{"order": 4711}'],
                    },
                    "deadline": {
                        "type": "string",
                        "maxLength": 64,
                        "description": "By when it must have begun: seconds, or a time in RFC "
                        "3339.",
                        "examples": ["600", "2026-11-26T18:00:00Z"],
                    },
                    "callback": _CALLBACK,
                    "callback_events": _CALLBACK_EVENTS,
                    "keep": _KEEP,
                },
            }
        },
        "application/octet-stream": {
            "schema": {"type": "string", "format": "binary", "minLength": 1}
        },
    },
    "description": (
        "A request for what the workers can fetch, a form with files, or, with any other media "
        "type, the document itself. With a document, the query holds the other fields."
    ),
}


class DeletionQuery(BaseModel):
    """What becomes of a conversion."""

    model_config = ConfigDict(extra="forbid")

    erase: bool = Field(default=False, description="Whether to delete it with all that it left.")


class ConversionQuery(PageQuery):
    """Which conversions, and how many of them."""

    state: State | None = None
    ids: str | None = Field(
        default=None,
        max_length=4096,
        pattern=_IDS,
        description="Only these, up to 50 ids with commas between, in this order. An unknown one "
        "is left out. Other fields don't count then.",
        examples=["6f1c7a10-2f57-4c7e-9f0e-3d1f0c5b8a11"],
    )
    metadata: list[MetadataPair] = Field(
        default_factory=list,
        max_length=MAX_KEYS,
        description="Only those with this in their metadata. A page may then be shorter than "
        "`limit`, also where `next` leads on.",
        examples=[["order=4711"]],
    )


@router.post(
    "/conversions",
    operation_id="convert",
    summary="Enqueue a conversion",
    status_code=202,
    responses={
        202: {"headers": _LOCATION},
        **problems(Kind.TIMEOUT, Kind.TOO_LARGE, Kind.UNSUPPORTED_MEDIA_TYPE, Kind.INVALID_REQUEST),
    },
    openapi_extra={"requestBody": _BODY},
)
async def convert(  # noqa: PLR0917 - FastAPI reads the request's parts off its parameters
    request: Request,
    response: Response,
    services: Wired,
    query: Annotated[DocumentQuery, Query()],
    language: Language,
    idempotency_key: IdempotencyKey = None,
) -> ConversionAnswer:
    """Enqueue a conversion and return immediately. Read its status or follow its events."""
    limit = services.settings.web_max_upload_bytes
    async with staging(services.conveyor) as staged:
        order = await read_order(request, query, staged, limit)
        handle = await services.conveyor.aconvert(
            order.source,
            order.to,
            order.from_format,
            order.params,
            idempotency_key,
            semi_async_seconds=order.semi_async_seconds,
            metadata=order.metadata,
            deadline=order.deadline,
            callback=order.callback,
            keep=order.keep,
        )
    request.state.conversion_id = handle.id
    response.headers["Location"] = href_of(handle.id)
    accepted = _accepted(handle.id, order)
    return await run_in_threadpool(outcome_of, services.conveyor, accepted, language)


@router.get(
    "/conversions",
    operation_id="listConversions",
    summary="List conversions, the newest first",
    responses=problems(Kind.INVALID_REQUEST),
)
def list_conversions(
    services: Wired, query: Annotated[ConversionQuery, Query()], language: Language
) -> ConversionPage:
    """Some of them; `next` leads to the next page."""
    if query.ids:
        return ConversionPage(conversions=_named(services.conveyor, query.ids, language), next=None)
    wanted = metadata_from_pairs(query.metadata)
    page = services.conveyor.list(query.state, query.limit, query.cursor, metadata=wanted)
    return ConversionPage(
        conversions=[ConversionAnswer.of(status, language) for status in page.statuses],
        next=next_page("/conversions", query, page.cursor),
    )


@router.get(
    "/conversions/{conversion_id}",
    operation_id="getConversion",
    summary="Look at a conversion",
    responses=problems(Kind.NOT_FOUND, Kind.GONE),
)
def get_conversion(services: Wired, conversion_id: str, language: Language) -> ConversionAnswer:
    """Show a conversion's current state."""
    return ConversionAnswer.of(services.conveyor.status(conversion_id), language)


@router.delete(
    "/conversions/{conversion_id}",
    operation_id="cancelConversion",
    summary="Cancel or delete a conversion",
    responses=problems(Kind.NOT_FOUND, Kind.GONE, Kind.INVALID_REQUEST),
)
def cancel_conversion(
    services: Wired,
    conversion_id: str,
    query: Annotated[DeletionQuery, Query()],
    language: Language,
) -> ConversionAnswer | DeletionAnswer:
    """Whatever its state. It is answered as it has ended: cancelled, or as it had ended before.

    With `erase=true` it is deleted with all that it left: files, records, and what ConvertAPI
    keeps. A repeat is answered the same for 7 days. What ConvertAPI has charged stays charged.
    """
    if query.erase:
        return DeletionAnswer.of(services.conveyor.delete(conversion_id))
    return outcome_of(services.conveyor, services.conveyor.cancel(conversion_id), language)


def _named(conveyor: Conveyor, ids: str, language: str) -> list[ConversionAnswer]:
    found = (_found(conveyor, each) for each in dict.fromkeys(ids.split(",")))
    return [ConversionAnswer.of(status, language) for status in found if status]


def _found(conveyor: Conveyor, conversion_id: str) -> Status | None:
    try:
        return conveyor.status(conversion_id)
    except UnknownConversion:
        return None


def _accepted(conversion_id: str, order: Order) -> Conversion:
    """What is known of a conversion without a look at it."""
    return Conversion(
        id=conversion_id,
        state=State.QUEUED,
        from_format=order.from_format or "",
        to_format=order.to,
        created_at=time.time(),
        metadata=order.metadata,
    )
