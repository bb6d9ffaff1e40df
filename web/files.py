"""Result files, streamed out of the storage: whole, in part, or not at all where known."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import PurePosixPath
from typing import Annotated, Any, Final

from fastapi import APIRouter, Header, Query
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from conveyor import Conveyor, FileGone, StoredFile, UnknownConversion
from conveyor.links import LINKS
from web.disposition import attachment
from web.openapi import problems
from web.problems import Kind, Problem
from web.ranges import Span, Unsatisfiable, is_fresh, span_of
from web.wiring import Wired

__all__ = ["media_type_of", "router"]

router = APIRouter(tags=["conversions"])

_BINARY: Final = "application/octet-stream"
_OFFICE: Final = "application/vnd.openxmlformats-officedocument"
_OPEN: Final = "application/vnd.oasis.opendocument"
# None that a browser would run: markup and scripts of a converted document are somebody else's.
_MEDIA_TYPES: Final = {
    "pdf": "application/pdf",
    "docx": f"{_OFFICE}.wordprocessingml.document",
    "xlsx": f"{_OFFICE}.spreadsheetml.sheet",
    "pptx": f"{_OFFICE}.presentationml.presentation",
    "odt": f"{_OPEN}.text",
    "ods": f"{_OPEN}.spreadsheet",
    "odp": f"{_OPEN}.presentation",
    "epub": "application/epub+zip",
    "rtf": "application/rtf",
    "zip": "application/zip",
    "csv": "text/csv; charset=utf-8",
    "txt": "text/plain; charset=utf-8",
    "md": "text/plain; charset=utf-8",
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "gif": "image/gif",
    "tif": "image/tiff",
    "tiff": "image/tiff",
    "webp": "image/webp",
    "bmp": "image/bmp",
}

_TEXT: Final = {"schema": {"type": "string"}}
_CONTENT: Final[dict[str, Any]] = {
    "content": {"*/*": {"schema": {"type": "string", "format": "binary"}}},
    "headers": {
        "ETag": {"description": "The file's SHA-256, quoted.", **_TEXT},
        "Accept-Ranges": {"description": "`bytes`", **_TEXT},
        "Content-Disposition": {"description": "`attachment`, with the file's name.", **_TEXT},
    },
}
_CONTENT_RANGE: Final = {"Content-Range": {"description": "Which part of it.", **_TEXT}}
_RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    200: {"description": "The file", **_CONTENT},
    206: {
        "description": "The part that `Range` asked for",
        "content": _CONTENT["content"],
        "headers": {**_CONTENT["headers"], **_CONTENT_RANGE},
    },
    304: {"description": "The client has it: `If-None-Match` names its tag"},
    **problems(Kind.NOT_FOUND, Kind.GONE, Kind.RANGE_NOT_SATISFIABLE),
}


class Conditions(BaseModel):
    """The conditional and range headers of a download."""

    range: str | None = Field(default=None, description="One range of bytes.")
    if_range: str | None = Field(default=None, description="The tag that the range is of.")
    if_none_match: str | None = Field(default=None, description="Tags that are here already.")


class Seal(BaseModel):
    """The part of a link that proves it."""

    expires: int = Field(ge=0, le=10**11, description="When it ends, seconds since the epoch.")
    signature: str = Field(min_length=1, max_length=100)


_PATH: Final = "/conversions/{conversion_id}/files/{name}"
# An id may hold a slash, and a file's name none.
_LINK: Final = f"{LINKS}{{conversion_id:path}}/{{name}}"


@router.head(_PATH, include_in_schema=False)
@router.get(
    _PATH,
    operation_id="getFile",
    summary="Fetch a result",
    response_class=Response,
    responses=_RESPONSES,
)
async def get_file(
    request: Request,
    services: Wired,
    conversion_id: str,
    name: str,
    asked: Annotated[Conditions, Header()],
) -> Response:
    """Always an attachment."""
    file = await run_in_threadpool(_find, services.conveyor, conversion_id, name)
    return await _answer(request, services.conveyor, file, asked)


@router.head(_LINK, include_in_schema=False)
@router.get(
    _LINK,
    operation_id="getLinkedFile",
    summary="Fetch a result by a link",
    response_class=Response,
    responses={**_RESPONSES, **problems(Kind.INVALID_REQUEST)},
)
async def get_linked_file(  # noqa: PLR0917 - FastAPI reads the request's parts off its parameters
    request: Request,
    services: Wired,
    conversion_id: str,
    name: str,
    sealed: Annotated[Seal, Query()],
    asked: Annotated[Conditions, Header()],
) -> Response:
    """As the library's `link` makes it: it needs no API key, and ends by itself."""
    file = await services.conveyor.alinked_file(
        conversion_id, name, sealed.expires, sealed.signature
    )
    return await _answer(request, services.conveyor, file, asked)


async def _answer(
    request: Request, conveyor: Conveyor, file: StoredFile, asked: Conditions
) -> Response:
    tag = f'"{file.sha256}"'
    if is_fresh(asked.if_none_match, tag):
        return Response(status_code=304, headers=_validators(tag))
    is_head = request.method == "HEAD"
    # RFC 9110 defines ranges for GET alone.
    span = None if is_head else _span(asked, file, tag)
    part = span or Span(0, file.size)
    headers = {**_headers(file, tag), "Content-Length": str(part.size)}
    if span:
        headers["Content-Range"] = f"bytes {span.start}-{span.end - 1}/{file.size}"
    status = 206 if span else 200
    if is_head:
        # What is gone is so for HEAD, too.
        await run_in_threadpool(_opened, conveyor, file, Span(0, min(file.size, 1)))
        return Response(status_code=status, headers=headers)
    content = await run_in_threadpool(_opened, conveyor, file, part)
    return StreamingResponse(content, status_code=status, headers=headers)


def media_type_of(name: str) -> str:
    """The media type that a file is given out with, by its name."""
    suffix = PurePosixPath(name).suffix.removeprefix(".").lower()
    return _MEDIA_TYPES.get(suffix, _BINARY)


def _find(conveyor: Conveyor, conversion_id: str, name: str) -> StoredFile:
    # macOS spells a letter with an accent as two.
    wanted = unicodedata.normalize("NFC", name)
    for file in conveyor.get(conversion_id).files:
        if unicodedata.normalize("NFC", file.name) == wanted:
            if file.removed_at is not None:
                raise FileGone(
                    "The file was removed because its life was over. Convert the document again."
                )
            return file
    raise UnknownConversion("The conversion has no such file. Use one that its `files` lists.")


def _validators(tag: str) -> dict[str, str]:
    """What a client's own copy is kept by."""
    return {"ETag": tag, "Cache-Control": "private, no-cache"}


def _headers(file: StoredFile, tag: str) -> dict[str, str]:
    return {
        "Content-Type": media_type_of(file.name),
        "Content-Disposition": attachment(file.name),
        "Accept-Ranges": "bytes",
        # Where a browser shows it all the same, it may do nothing.
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "X-Content-Type-Options": "nosniff",
        **_validators(tag),
    }


def _span(asked: Conditions, file: StoredFile, tag: str) -> Span | None:
    try:
        return span_of(asked.range, file.size, asked.if_range, tag)
    except Unsatisfiable:
        detail = (
            f"The range begins after the end of the file, which has {file.size} bytes. Ask for an "
            "earlier range."
        )
        headers = {"Content-Range": f"bytes */{file.size}"}
        raise Problem(Kind.RANGE_NOT_SATISFIABLE, detail, headers) from None


def _opened(conveyor: Conveyor, file: StoredFile, part: Span) -> Iterable[bytes]:
    """The content, with its first piece read: what can't be read must show in the status."""
    chunks: Iterator[bytes] = iter(conveyor.storage.read(file.uri, part.start, part.end))
    return chain([next(chunks, b"")], chunks)
