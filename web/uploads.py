"""``multipart/form-data``, parsed as it arrives: files go on at once, and never lie in memory.

The parser is pushed; its callbacks make tokens, and who reads a part pulls them. So a slow
storage slows the client down, and nothing heaps up in between.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser

from conveyor.disposition import field_name_of, file_name_of
from conveyor.domain.parameters import takes_file
from web.problems import Kind, Problem
from web.staging import Staging

__all__ = ["FIELDS", "FILE", "read_form"]

FILE: Final = "file"
FIELDS: Final = frozenset({"to", "from_format", "params", "semi_async_seconds"})

# More is no conversion, and each costs a file in the storage.
_MAX_PARTS: Final = 100
# Parameters are some hundred characters.
_MAX_FIELD_BYTES: Final = 64 * 1024
# A name is some hundred bytes; the parser's own bounds are its release's.
_MAX_HEADER_BYTES: Final = 8 * 1024
# It reads them byte by byte.
_MAX_ALL_HEADER_BYTES: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class _Part:
    """The begin of a part; its content follows, and `_END`.

    Attributes:
        name: The field's name.
        file_name: The file's, empty where it is no file.
    """

    name: str
    file_name: str


class _End:
    """The end of a part."""


_END: Final = _End()
_Token = _Part | bytes | _End


async def read_form(
    chunks: AsyncIterable[bytes], boundary: str, staging: Staging
) -> Mapping[str, str]:
    """Read a form and stream its files into the storage, in any order.

    Args:
        chunks: The body.
        boundary: As the media type says.
        staging: Takes the files.

    Returns:
        The fields that are no files.

    Raises:
        Problem: 422, it is broken, or holds what no conversion takes.
        InvalidRequest: A file is empty.
        StorageError: The storage can't be written.
    """
    fields: dict[str, str] = {}
    async with aclosing(_tokens(chunks, boundary)) as tokens:
        async for token in tokens:
            assert isinstance(token, _Part)  # noqa: S101 - what is read here is a part's begin
            await _read_part(token, tokens, fields, staging)
    return fields


async def _read_part(
    part: _Part, tokens: AsyncIterator[_Token], fields: dict[str, str], staging: Staging
) -> None:
    if part.name == FILE:
        if not part.file_name:
            raise _invalid(
                "A part `file` has no file name. Conveyor takes the format from it. Send one."
            )
        await staging.take(part.file_name, _content(tokens))
    elif part.file_name and takes_file(part.name):
        if part.name in staging.params:
            raise _invalid(f"The parameter {part.name} is given twice. Give it once.")
        await staging.take_param(part.name, part.file_name, _content(tokens))
    elif part.name not in FIELDS or part.file_name:
        raise _invalid(
            f"The form has an unknown field. Send documents as `{FILE}`, files under a "
            f"parameter's name that ends in `File`, and the fields {_listed(FIELDS)}."
        )
    elif part.name in fields:
        raise _invalid(f"The field {part.name} is given twice. Give it once.")
    else:
        fields[part.name] = await _text(part.name, tokens)


async def _content(tokens: AsyncIterator[_Token]) -> AsyncIterator[bytes]:
    """The content of the part that has begun."""
    async for token in tokens:
        if not isinstance(token, bytes):
            return
        yield token


async def _text(name: str, tokens: AsyncIterator[_Token]) -> str:
    content = bytearray()
    async for chunk in _content(tokens):
        content += chunk
        if len(content) > _MAX_FIELD_BYTES:
            raise _invalid(
                f"The field {name} is longer than {_MAX_FIELD_BYTES} bytes. Send a shorter value."
            )
    return _decoded(bytes(content))


async def _tokens(chunks: AsyncIterable[bytes], boundary: str) -> AsyncGenerator[_Token, None]:
    """Parse the body as it comes.

    Raises:
        Problem: 422, it is broken.
    """
    reader = _Reader(boundary)
    async for chunk in chunks:
        reader.feed(chunk)
        while reader.tokens:
            yield reader.tokens.popleft()
    if not reader.is_complete:
        raise _invalid("The form ends before its last boundary. Send it again.")


class _Reader:
    """The push parser, with its callbacks, for one body.

    Attributes:
        tokens: What was parsed and nobody has read yet.
        is_complete: Whether the last boundary was seen.
    """

    def __init__(self, boundary: str) -> None:
        self.tokens: deque[_Token] = deque()
        self.is_complete = False
        self._parts = 0
        self._all_header_bytes = 0
        self._headers: dict[str, str] = {}
        self._header_bytes = 0
        self._name = bytearray()
        self._value = bytearray()
        try:
            self._parser = MultipartParser(
                boundary.encode("latin-1", "replace"),
                {
                    "on_part_begin": self._on_part,
                    "on_header_field": self._on_name,
                    "on_header_value": self._on_value,
                    "on_header_end": self._on_header,
                    "on_headers_finished": self._on_begin,
                    "on_part_data": self._on_data,
                    "on_part_end": self._on_end_of_part,
                    "on_end": self._on_end,
                },
            )
        except FormParserError:
            raise _invalid("The form's boundary is too long. Use at most 70 characters.") from None

    def feed(self, chunk: bytes) -> None:
        """Parse a piece.

        Raises:
            Problem: 422, it is broken.
        """
        try:
            self._parser.write(chunk)
        except FormParserError:
            raise _invalid(
                "The form is not valid multipart/form-data. Let your HTTP client build it."
            ) from None

    def _on_part(self) -> None:
        self._parts += 1
        if self._parts > _MAX_PARTS:
            raise _invalid(f"The form has more than {_MAX_PARTS} parts. Send fewer.")
        self._headers.clear()
        self._header_bytes = 0

    def _on_name(self, data: bytes, start: int, end: int) -> None:
        self._name += self._counted(data[start:end])

    def _on_value(self, data: bytes, start: int, end: int) -> None:
        self._value += self._counted(data[start:end])

    def _counted(self, piece: bytes) -> bytes:
        self._header_bytes += len(piece)
        if self._header_bytes > _MAX_HEADER_BYTES:
            raise _invalid(
                f"The headers of a part are longer than {_MAX_HEADER_BYTES} bytes. Shorten them."
            )
        self._all_header_bytes += len(piece)
        if self._all_header_bytes > _MAX_ALL_HEADER_BYTES:
            raise _invalid(
                f"The parts' headers are longer than {_MAX_ALL_HEADER_BYTES} bytes. Send fewer "
                "parts."
            )
        return piece

    def _on_header(self) -> None:
        # As servers do; what the bytes mean is for who reads them.
        self._headers[self._name.decode("latin-1").lower()] = self._value.decode("latin-1")
        self._name.clear()
        self._value.clear()

    def _on_begin(self) -> None:
        disposition = self._headers.get("content-disposition", "")
        name = field_name_of(disposition)
        if name is None:
            raise _invalid("A part of the form has no name. Give each part one.")
        self.tokens.append(_Part(name, file_name_of(disposition)))

    def _on_data(self, data: bytes, start: int, end: int) -> None:
        self.tokens.append(data[start:end])

    def _on_end_of_part(self) -> None:
        self.tokens.append(_END)

    def _on_end(self) -> None:
        self.is_complete = True


def _decoded(text: bytes) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError:
        raise _invalid("The form contains text that is not UTF-8. Send UTF-8.") from None


def _listed(names: frozenset[str]) -> str:
    return ", ".join(f"`{name}`" for name in sorted(names))


def _invalid(detail: str) -> Problem:
    return Problem(Kind.INVALID_REQUEST, detail)
