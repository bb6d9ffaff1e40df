"""The three forms of a conversion's request, read into one: JSON, a form with files, a document."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from email.message import Message
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, RootModel
from starlette.requests import Request

from conveyor import InvalidRequest
from conveyor.domain.deadlines import deadline_from_text
from conveyor.domain.request import ConversionRequest
from conveyor.domain.sources import Source, SourceInput, SourceKind
from web.bodies import JSON, bounded, check, check_coding, media_type_of, parse_json, read_json
from web.models import (
    CallbackEvents,
    CallbackUrl,
    ConversionOrder,
    Format,
    Keep,
    Metadata,
    Params,
    SemiAsync,
)
from web.problems import Kind, Problem
from web.staging import Staging
from web.upload_names import file_name_of
from web.uploads import read_form

__all__ = ["DocumentQuery", "Order", "read_order"]

FORM: Final = "multipart/form-data"
# Only a worker's own folders lie there, and a worker's own files are no source for the network.
_NEAR: Final = frozenset({"file", "local"})

# Of an address that every server and proxy takes.
_MAX_PARAMS: Final = 4096
_MAX_METADATA: Final = 4096
_MAX_DEADLINE: Final = 64


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be converted into what; the arguments of `conveyor.Conveyor.convert`."""

    source: SourceInput
    to: str
    from_format: str | None
    params: Mapping[str, Any]
    semi_async_seconds: int | None
    metadata: Mapping[str, Any]
    deadline: datetime | float | None
    callback: Mapping[str, str] | None = None
    keep: str | None = None


class DocumentQuery(BaseModel):
    """The query fields of a request with the document as its body."""

    model_config = ConfigDict(extra="forbid")

    to: Annotated[Format | None, Field(description="The target format, `pdf`.")] = None
    from_format: Annotated[
        Format | None, Field(description="The source's format; taken from its name unless given.")
    ] = None
    name: Annotated[
        str | None,
        Field(min_length=1, max_length=255, description="The document's name, `a.docx`."),
    ] = None
    params: Annotated[
        str | None,
        Field(description="ConvertAPI's parameters, a JSON object.", max_length=_MAX_PARAMS),
    ] = None
    semi_async_seconds: SemiAsync | None = None
    metadata: Annotated[
        str | None,
        Field(description="Your own data about it, a JSON object.", max_length=_MAX_METADATA),
    ] = None
    deadline: Annotated[
        str | None,
        Field(
            description="By when it must have begun: seconds, or a time in RFC 3339.",
            max_length=_MAX_DEADLINE,
        ),
    ] = None
    callback: CallbackUrl | None = None
    callback_events: CallbackEvents | None = None
    keep: Keep | None = None


class _FormFields(BaseModel):
    """The fields of a form that are no files."""

    model_config = ConfigDict(extra="forbid", strict=True)

    to: Format
    from_format: Format | None = None
    params: str = "{}"
    # A form's fields are text.
    semi_async_seconds: Annotated[SemiAsync, Field(strict=False)] | None = None
    metadata: str | None = None
    deadline: str | None = None
    callback: CallbackUrl | None = None
    callback_events: CallbackEvents | None = None
    keep: Keep | None = None


class _Params(RootModel[Params]):
    """ConvertAPI's parameters."""

    model_config = ConfigDict(allow_inf_nan=False)


class _Metadata(RootModel[Metadata]):
    """A caller's own data."""

    model_config = ConfigDict(allow_inf_nan=False)


async def read_order(
    request: Request, query: DocumentQuery, staging: Staging, limit_bytes: int
) -> Order:
    """Read what is to be converted.

    Args:
        request: The request.
        query: Its query.
        staging: Takes what it uploads.
        limit_bytes: The most that it may upload.

    Raises:
        Problem: 413, 415 or 422.
        InvalidRequest: It can't be right.
        StorageError: The storage can't be written.
    """
    order = await _read(request, query, staging, limit_bytes)
    _check_far(order)
    return order


async def _read(
    request: Request, query: DocumentQuery, staging: Staging, limit_bytes: int
) -> Order:
    check_coding(request)
    media_type = media_type_of(request)
    if media_type.get_content_type() == JSON:
        _check_no_query(query)
        return _from_json(await read_json(request, ConversionOrder))
    if media_type.get_content_type() == FORM:
        _check_no_query(query)
        return await _from_form(request, media_type, staging, limit_bytes)
    return await _from_document(request, query, staging, limit_bytes)


def _from_json(order: ConversionOrder) -> Order:
    return _order(order.source, order.to, order.from_format, order.params, order)


async def _from_form(
    request: Request, media_type: Message, staging: Staging, limit_bytes: int
) -> Order:
    given = await read_form(bounded(request, limit_bytes), _boundary_of(media_type), staging)
    fields = check(given, _FormFields)
    if not staging.files:
        raise Problem(Kind.INVALID_REQUEST, "The form has no file. Send it as `file`.")
    params = _params(fields.params)
    if twice := params.keys() & staging.params.keys():
        raise Problem(
            Kind.INVALID_REQUEST,
            f"The parameter {min(twice)} is given twice. Send it as a file or in `params`.",
        )
    params = {**params, **staging.params}
    return _order(staging.files, fields.to, fields.from_format, params, fields)


def _boundary_of(media_type: Message) -> str:
    # Services that don't fit together are too much for the standard library.
    with suppress(ValueError, TypeError):
        boundary = media_type.get_param("boundary")
        if isinstance(boundary, str) and boundary:
            return boundary
    raise Problem(Kind.INVALID_REQUEST, "The form's Content-Type has no boundary. Add it.")


async def _from_document(
    request: Request, query: DocumentQuery, staging: Staging, limit_bytes: int
) -> Order:
    name = query.name or file_name_of(request.headers.get("content-disposition", ""))
    if not query.to:
        raise Problem(Kind.INVALID_REQUEST, "The query has no target format. Add it: ?to=pdf.")
    if not name:
        raise Problem(Kind.INVALID_REQUEST, "The query has no file name. Add it: ?name=a.docx.")
    order = _order(staging.files, query.to, query.from_format, _params(query.params or "{}"), query)
    await staging.take(name, bounded(request, limit_bytes))
    return replace(order, source=staging.files)


def _order(
    source: SourceInput, to: str, from_format: str | None, params: Mapping[str, Any], asks: Any
) -> Order:
    return Order(
        source,
        to,
        from_format,
        params,
        asks.semi_async_seconds,
        _metadata(asks.metadata),
        _deadline(asks.deadline),
        callback=_callback(asks),
        keep=asks.keep,
    )


def _callback(asks: Any) -> Mapping[str, str] | None:
    """Who hears of it, as `conveyor.Conveyor.convert` takes it."""
    if asks.callback is None:
        if asks.callback_events is not None:
            raise Problem(Kind.INVALID_REQUEST, "callback_events needs a callback. Add it.")
        return None
    return {"url": asks.callback, "events": asks.callback_events or "ends"}


def _params(text: str) -> Mapping[str, Any]:
    return parse_json(text, _Params, "params").root


def _metadata(given: str | Mapping[str, Any] | None) -> Mapping[str, Any]:
    """The caller's own data: in JSON an object, elsewhere its text."""
    return parse_json(given, _Metadata, "metadata").root if isinstance(given, str) else given or {}


def _deadline(given: str | float | None) -> datetime | float | None:
    return deadline_from_text(given) if isinstance(given, str) else given


def _check_no_query(query: DocumentQuery) -> None:
    if query.model_fields_set:
        raise Problem(
            Kind.INVALID_REQUEST,
            "These query fields need a body that is the document itself. Put them into the form "
            "or the JSON.",
        )


def _check_far(order: Order) -> None:
    """Refuse what would be read on this machine, or on a worker's.

    Raises:
        InvalidRequest: The order can't be right, or names a local path.
    """
    request = ConversionRequest.build(order.source, order.to, order.from_format, order.params)
    for source in request.preferring_local().attachments.values():
        # What was uploaded with this very request lies in the storage, wherever that is.
        if not source.sha256 and _is_near(source):
            raise InvalidRequest(
                "The workers can't read this source. Use an https or s3 URL or a FileId, or "
                "upload the document."
            )


def _is_near(source: Source) -> bool:
    chained = source.kind is SourceKind.STORED and "::" in source.value
    return source.kind is SourceKind.LOCAL or chained or urlsplit(source.value).scheme in _NEAR
