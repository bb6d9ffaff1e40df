"""The head of an answer: its status, its fields, and how they frame the body.

http.client reads a head by the parser of mails, which takes an eighth of a whole request's time.
Nearly every head is plain: a field a line. A head that is not is still left to that parser.
"""

from __future__ import annotations

import http.client
import io
import re
from typing import IO, Final

from urllib3 import HTTPHeaderDict

from conveyor.convertapi.exchange import CURRENT

__all__ = ["Head", "fields_of"]

# Unless it says otherwise; 1.0 closes.
_KEEPS_OPEN: Final = 11
_SWITCHING: Final = 101
_INTERIM: Final = range(100, 200)
_BODILESS: Final = frozenset({204, 304})
_MOST_LINE_BYTES: Final = 65536
_MOST_LINES: Final = 100
_ENDS: Final = frozenset({b"\r\n", b"\n", b""})

_FIELD: Final = re.compile(rb"([\x21-\x39\x3b-\x7e]+):[ \t]*([^\r\n]*)\r?\n")
# As urllib3 has it: a value that goes on in the next line.
_FOLD: Final = re.compile(r"(?:(?<![ \t])[ \t]+)?\r\n[ \t]+")


def fields_of(lines: list[bytes]) -> HTTPHeaderDict:
    """The fields of a head.

    Args:
        lines: Its lines without the status and without the empty one, as they came.
    """
    fields = HTTPHeaderDict()
    for line in lines:
        found = _FIELD.fullmatch(line)
        if found is None:
            return _odd_fields_of(lines)
        fields.add(found[1].decode("ascii"), found[2].decode("latin-1"))
    return fields


def _odd_fields_of(lines: list[bytes]) -> HTTPHeaderDict:
    message = http.client.parse_headers(io.BytesIO(b"".join(lines)))
    return HTTPHeaderDict([(name, _FOLD.sub(" ", value)) for name, value in message.items()])


class Head(http.client.HTTPResponse):
    """Reads an answer's head, past every interim answer.

    http.client passes over 100 alone. It would take a 102 or 103 for the answer, and leave the real
    one in the connection, for the next request.

    Attributes:
        fields: The fields of the head.
    """

    fields: HTTPHeaderDict | None = None

    def begin(self) -> None:
        """Read the head."""
        if self.fields is not None:
            return
        version, status, reason = self._read_status()
        while status in _INTERIM and status != _SWITCHING:
            _lines_of(self.fp)
            version, status, reason = self._read_status()
        self.code = self.status = status
        self.reason = reason.strip()
        self.version = _version_of(version)
        self.fields = fields_of(_lines_of(self.fp))
        self._frame(self.fields)

    def _read_status(self) -> tuple[str, int, str]:
        exchange = CURRENT.get()
        if self.fp.peek(1) and exchange is not None:
            exchange.is_answered = True
        found: tuple[str, int, str] = super()._read_status()  # type: ignore[misc] # not in the stubs
        return found

    def _frame(self, fields: HTTPHeaderDict) -> None:
        """Tell where the body ends, as http.client does: the first of several fields counts.

        A connection that closes by any of its fields closes.
        """
        self.headers = self.msg = fields  # type: ignore[assignment] # all that is asked is `get`
        self.chunked = _first_of(fields, "transfer-encoding").lower() == "chunked"
        self.chunk_left = None
        self.length = None if self.chunked else _length_of(_first_of(fields, "content-length"))
        if self.status in _BODILESS or self.status in _INTERIM:
            self.length = 0
        is_endless = self.length is None and not self.chunked
        self.will_close = is_endless or self._closes(fields)

    def _closes(self, fields: HTTPHeaderDict) -> bool:
        options = fields.get("connection", "").lower()
        if "close" in options or self.version == _KEEPS_OPEN:
            return "close" in options
        return "keep-alive" not in options and not _first_of(fields, "keep-alive")


def _lines_of(stream: IO[bytes]) -> list[bytes]:
    lines: list[bytes] = []
    while (line := stream.readline(_MOST_LINE_BYTES + 1)) not in _ENDS:
        if len(line) > _MOST_LINE_BYTES:
            raise http.client.LineTooLong("header line")
        lines.append(line)
        if len(lines) >= _MOST_LINES:
            raise http.client.HTTPException(f"got more than {_MOST_LINES} headers")
    return lines


def _version_of(text: str) -> int:
    if text in {"HTTP/1.0", "HTTP/0.9"}:
        return 10
    if text.startswith("HTTP/1."):
        return 11
    raise http.client.UnknownProtocol(text)


def _first_of(fields: HTTPHeaderDict, name: str) -> str:
    found = fields.getlist(name)
    return found[0] if found else ""


def _length_of(text: str) -> int | None:
    try:
        length = int(text)
    except ValueError:
        return None
    return length if length >= 0 else None
