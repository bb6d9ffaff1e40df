"""``multipart/form-data`` as tokens, parsed as it arrives and pulled by whoever reads them.

The parser is pushed, and its callbacks make tokens. So a slow storage slows the client down, and
nothing heaps up in between.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable
from dataclasses import dataclass
from typing import Final

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser

from web.problems import Kind, Problem
from web.upload_names import field_name_of, file_name_of

__all__ = ["Part", "Token", "invalid", "tokens_of"]

# More is no conversion, and each costs a file in the storage.
_MAX_PARTS: Final = 100
# A name is some hundred bytes; the parser's own bounds are its release's.
_MAX_HEADER_BYTES: Final = 8 * 1024
# It reads them byte by byte.
_MAX_ALL_HEADER_BYTES: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Part:
    """The begin of a part; its content follows, and `END`.

    Attributes:
        name: The field's name.
        file_name: The file's, empty where it is no file.
    """

    name: str
    file_name: str


class End:
    """The end of a part."""


END: Final = End()
Token = Part | bytes | End


async def tokens_of(chunks: AsyncIterable[bytes], boundary: str) -> AsyncGenerator[Token, None]:
    """Parse a body as it comes.

    Args:
        chunks: The body.
        boundary: As the media type says.

    Yields:
        The begin of each part, its content in pieces, its end.

    Raises:
        Problem: 422, it is broken.
    """
    reader = _Reader(boundary)
    async for chunk in chunks:
        reader.feed(chunk)
        while reader.tokens:
            yield reader.tokens.popleft()
    if not reader.is_complete:
        raise invalid("The form ends before its last boundary. Send it again.")


class _Reader:
    """The push parser, with its callbacks, for one body.

    Attributes:
        tokens: What was parsed and nobody has read yet.
        is_complete: Whether the last boundary was seen.
    """

    def __init__(self, boundary: str) -> None:
        self.tokens: deque[Token] = deque()
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
            raise invalid("The form's boundary is too long. Use at most 70 characters.") from None

    def feed(self, chunk: bytes) -> None:
        """Parse a piece.

        Raises:
            Problem: 422, it is broken.
        """
        try:
            self._parser.write(chunk)
        except FormParserError:
            raise invalid(
                "The form is not valid multipart/form-data. Let your HTTP client build it."
            ) from None

    def _on_part(self) -> None:
        self._parts += 1
        if self._parts > _MAX_PARTS:
            raise invalid(f"The form has more than {_MAX_PARTS} parts. Send fewer.")
        self._headers.clear()
        self._header_bytes = 0

    def _on_name(self, data: bytes, start: int, end: int) -> None:
        self._name += self._counted(data[start:end])

    def _on_value(self, data: bytes, start: int, end: int) -> None:
        self._value += self._counted(data[start:end])

    def _counted(self, piece: bytes) -> bytes:
        self._header_bytes += len(piece)
        if self._header_bytes > _MAX_HEADER_BYTES:
            raise invalid(
                f"The headers of a part are longer than {_MAX_HEADER_BYTES} bytes. Shorten them."
            )
        self._all_header_bytes += len(piece)
        if self._all_header_bytes > _MAX_ALL_HEADER_BYTES:
            raise invalid(
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
            raise invalid("A part of the form has no name. Give each part one.")
        self.tokens.append(Part(name, file_name_of(disposition)))

    def _on_data(self, data: bytes, start: int, end: int) -> None:
        self.tokens.append(data[start:end])

    def _on_end_of_part(self) -> None:
        self.tokens.append(END)

    def _on_end(self) -> None:
        self.is_complete = True


def invalid(detail: str) -> Problem:
    """Make the problem of a form that can't be right: 422.

    Args:
        detail: What is wrong with it, and what to do.
    """
    return Problem(Kind.INVALID_REQUEST, detail)
