"""Parameters out of a request: query, form, multipart, JSON, or a bare file."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager
from typing import Any, Final
from urllib.parse import parse_qsl

from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from convertapi_sandbox.disposition import file_name
from convertapi_sandbox.errors import BAD_REQUEST, ApiError
from convertapi_sandbox.files import FileStore, StoredFile, safe_name
from convertapi_sandbox.parameters import Value

__all__ = [
    "Pair",
    "body_pairs",
    "multipart_form",
    "no_file_name",
    "query_pairs",
    "save_body",
    "save_part",
]

_CHUNK_BYTES: Final = 1 << 16
# Of requests without files; files go to disk.
_MAX_BODY_BYTES: Final = 64 * 1024 * 1024

Pair = tuple[str, "Value"]


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
        return _from_json(await _body(request), files)
    if kind == "application/x-www-form-urlencoded":
        return _from_form(await _body(request))
    return []


async def save_body(request: Request, files: FileStore) -> StoredFile:
    """Store the body of a request, piece by piece.

    Args:
        request: Its body is read.
        files: Where the file goes.

    Raises:
        ApiError: 4001, its Content-Disposition names no file.
    """
    name = file_name(request.headers.get("content-disposition"))
    if not name:
        raise no_file_name()
    with files.writer() as writer:
        async for chunk in request.stream():
            writer.write(chunk)
        return writer.finish(name)


async def save_part(part: UploadFile, files: FileStore) -> StoredFile:
    """Store a file of a multipart body.

    Args:
        part: One part of the body.
        files: Where the file goes.

    Raises:
        ApiError: 4001, the part names no file.
    """
    name = file_name(part.headers.get("content-disposition"))
    if not name:
        raise no_file_name()
    with files.writer() as writer:
        while chunk := await part.read(_CHUNK_BYTES):
            writer.write(chunk)
        return writer.finish(name)


def no_file_name() -> ApiError:
    """Return the refusal of a file without a name (4001)."""
    return ApiError(BAD_REQUEST, 4001, "No content disposition with a file name provided.")


@asynccontextmanager
async def multipart_form(request: Request) -> AsyncIterator[FormData]:
    """Return a multipart body; its files close with the block.

    Args:
        request: Its body is read.

    Raises:
        ApiError: 4000, it cannot be read.
    """
    async with aclosing(request.stream()) as stream:
        try:
            form = await _FormParser(request.headers, stream).parse()
        except MultiPartException as error:
            raise ApiError(BAD_REQUEST, 4000, "The form cannot be read.") from error
    try:
        yield form
    finally:
        await form.close()


class _FormParser(MultiPartParser):
    """Takes a part for a file by whatever form of name it has."""

    def on_headers_finished(self) -> None:
        """Begin a part."""
        disposition = (self._current_part.content_disposition or b"").decode("latin-1")
        if file_name(disposition):
            # The parser looks for the plain form alone, and whether it is there.
            plain = f'{disposition}; filename="x"'
            self._current_part.content_disposition = plain.encode("latin-1")
        super().on_headers_finished()


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


def _from_json(body: bytes, files: FileStore) -> list[Pair]:
    try:
        entries = json.loads(body)["Parameters"]
        return [pair for entry in entries for pair in _from_entry(entry, files)]
    except (ValueError, KeyError, TypeError) as error:
        raise ApiError(BAD_REQUEST, 4002, "Bad JSON format.") from error


def _from_entry(entry: dict[str, Any], files: FileStore) -> Iterator[Pair]:
    name = entry["Name"]
    if not isinstance(name, str):
        raise TypeError(name)
    if "FileValues" in entry:
        for number, value in enumerate(entry["FileValues"]):
            yield f"{name}[{number}]", _file_value(value, files)
    elif "FileValue" in entry:
        yield name, _file_value(entry["FileValue"], files)
    else:
        yield name, _text(entry["Value"])


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, str | int | float):
        return str(value)
    raise TypeError(value)


def _file_value(value: dict[str, Any], files: FileStore) -> Value:
    for reference in ("Id", "Url"):
        if reference in value:
            return _text(value[reference])
    data = value.get("Data")
    if not isinstance(data, str) or not data:
        raise ApiError(BAD_REQUEST, 4005, "File encoded in Base64 not found.")
    name = safe_name(str(value.get("Name", "")))
    if not name:
        raise no_file_name()
    try:
        content = base64.b64decode(data, validate=True)
    except binascii.Error as error:
        raise ApiError(BAD_REQUEST, 4005, "The file is not encoded in Base64.") from error
    with files.writer() as writer:
        writer.write(content)
        return writer.finish(name)
