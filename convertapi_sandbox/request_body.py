"""Parameters out of a request: query, form, multipart, JSON, or a bare file."""

from __future__ import annotations

from typing import Final
from urllib.parse import parse_qsl

from starlette.datastructures import UploadFile
from starlette.requests import Request

from convertapi_sandbox.errors import BAD_REQUEST, ApiError
from convertapi_sandbox.file_store import FileStore
from convertapi_sandbox.incoming_files import multipart_form, save_body, save_part
from convertapi_sandbox.json_body import json_pairs
from convertapi_sandbox.values import Pair

__all__ = ["body_pairs", "query_pairs"]

# Of requests without files; files go to disk.
_MAX_BODY_BYTES: Final = 64 * 1024 * 1024


def query_pairs(request: Request) -> list[Pair]:
    """Return the parameters in a request's query.

    Args:
        request: Names may come more than once.
    """
    return list(request.query_params.multi_items())


async def body_pairs(request: Request, files: FileStore) -> list[Pair]:
    """Return the parameters in a request's body.

    Args:
        request: Its body is read.
        files: Where files with the request go.

    Raises:
        ApiError: 4002, bad JSON; 4005, a file in JSON without content; 4000, other bodies
            that cannot be read.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        return await _multipart(request, files)
    if "content-disposition" in request.headers:
        return [("File", await save_body(request, files))]
    if kind == "application/json":
        return json_pairs(await _body(request), files)
    if kind == "application/x-www-form-urlencoded":
        return _from_form(await _body(request))
    return []


async def _multipart(request: Request, files: FileStore) -> list[Pair]:
    async with multipart_form(request) as form:
        return [
            (name, await save_part(part, files) if isinstance(part, UploadFile) else part)
            for name, part in form.multi_items()
        ]


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MAX_BODY_BYTES:
            raise ApiError(413, 4000, "The body is too large; upload the file first.")
    return bytes(body)


def _from_form(body: bytes) -> list[Pair]:
    try:
        return list(parse_qsl(body.decode(), keep_blank_values=True, errors="strict"))
    except ValueError as error:
        raise ApiError(BAD_REQUEST, 4000, "The form is not valid UTF-8.") from error
