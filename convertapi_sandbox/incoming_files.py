"""Files that come in a request: as its whole body, or as parts of a form."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Final

from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from convertapi_sandbox.disposition import file_name
from convertapi_sandbox.errors import BAD_REQUEST, ApiError
from convertapi_sandbox.file_store import FileStore
from convertapi_sandbox.files import StoredFile

__all__ = ["multipart_form", "no_file_name", "save_body", "save_part"]

_CHUNK_BYTES: Final = 1 << 16


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
