"""A file as an answer: whole or in part, as it should be or broken on order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from convertapi_sandbox.audit import Audit
from convertapi_sandbox.disposition import attachment
from convertapi_sandbox.faults import Faults
from convertapi_sandbox.files import StoredFile
from convertapi_sandbox.odd_results import OCTET_STREAM, ODD_DISPOSITION
from convertapi_sandbox.ranges import Span, read_range
from convertapi_sandbox.wire import CutShort

__all__ = ["Downloads"]

# Smaller files are read at once, which costs less than streaming them.
_STREAM_BYTES: Final = 1 << 20
_CHUNK_BYTES: Final = 1 << 16


class Downloads:
    """Answers with files.

    Args:
        faults: Which may cut an answer, or send other bytes.
        audit: Told of each answer.
        ranges: Whether a `Range` is understood.
    """

    def __init__(self, *, faults: Faults, audit: Audit, ranges: bool) -> None:
        self._faults = faults
        self._audit = audit
        self._ranges = ranges

    def answer(self, file: StoredFile, request: Request) -> Response:
        """Return the answer to a download.

        Args:
            file: What is downloaded.
            request: May ask for a part of it.
        """
        self._audit.count("downloads")
        headers = self._headers(file)
        span = self._span(file, request)
        if span is None:
            return self._sent(file, Span(0, file.size), headers, 200)
        self._audit.count("partial_downloads")
        if not span.length:
            headers["Content-Range"] = f"bytes */{file.size}"
            return Response(status_code=416, headers=headers)
        headers["Content-Range"] = f"bytes {span.start}-{span.stop - 1}/{file.size}"
        if self._faults.strikes("wrong_range_download"):
            span = Span(0, span.length)
        return self._sent(file, span, headers, 206)

    def _headers(self, file: StoredFile) -> dict[str, str]:
        headers = {"Content-Disposition": attachment(file.name), "Content-Type": OCTET_STREAM}
        if self._faults.strikes("odd_disposition_download"):
            headers["Content-Disposition"] = ODD_DISPOSITION
        return (
            {**headers, "Accept-Ranges": "bytes", "ETag": _tag(file)} if self._ranges else headers
        )

    def _span(self, file: StoredFile, request: Request) -> Span | None:
        if not self._ranges or request.headers.get("if-range", _tag(file)) != _tag(file):
            return None
        return read_range(request.headers.get("range"), file.size)

    def _sent(self, file: StoredFile, span: Span, headers: dict[str, str], status: int) -> Response:
        if self._faults.strikes("truncated_download"):
            return CutShort(_read(file, span), status, headers)
        if self._faults.strikes("short_download"):
            span = Span(span.start, span.start + span.length // 2)
        if span.length <= _STREAM_BYTES:
            return Response(_read(file, span), status, headers)
        headers["Content-Length"] = str(span.length)
        return StreamingResponse(_chunks(file, span), status, headers)


def _tag(file: StoredFile) -> str:
    return f'"{file.digest}"'


def _read(file: StoredFile, span: Span) -> bytes:
    return b"".join(_chunks(file, span))


def _chunks(file: StoredFile, span: Span) -> Iterator[bytes]:
    with file.path.open("rb") as source:
        source.seek(span.start)
        left = span.length
        while left and (chunk := source.read(min(left, _CHUNK_BYTES))):
            left -= len(chunk)
            yield chunk
