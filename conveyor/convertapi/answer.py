"""A whole answer, and its body as JSON. Bodies are foreign text: none makes this raise."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from conveyor.convertapi.head_values import file_name_of, retry_after_of
from conveyor.domain.shapes import without_escapes

__all__ = ["Answer", "Unparsed"]

_LONGEST_NUMBER_CHARACTERS: Final = 300

_MOST_DEPTH: Final = 64
_MOST_CONTAINERS: Final = 100_000
# A text that never ends is one token too: looking for its end from each quote would take for ever.
_BRACKETS: Final = re.compile(r'"[^"]*"?|[\[\]{}]')


class Unparsed:
    """Stands for a body that is not JSON, or is JSON nested too deeply to read.

    Attributes:
        is_whole: Whether it may be whole JSON all the same.
    """

    def __init__(self, *, is_whole: bool) -> None:
        self.is_whole = is_whole


@dataclass(frozen=True)
class Answer:
    """A whole answer.

    Attributes:
        status: The HTTP status.
        content_type: Without parameters, in lower case.
        file_name: From Content-Disposition, empty where there is none.
        body: At most 64 MiB.
        retry_after_s: Seconds, as ``Retry-After`` says; None where it does not.
    """

    status: int
    content_type: str = ""
    file_name: str = ""
    body: bytes = b""
    retry_after_s: float | None = None

    @classmethod
    def read(cls, status: int, headers: Mapping[str, str], body: bytes) -> Answer:
        """Make an answer of its parts.

        Args:
            status: The HTTP status.
            headers: The head's fields.
            body: The body, without its transfer and content encodings.
        """
        return cls(
            status,
            headers.get("Content-Type", "").partition(";")[0].strip().lower(),
            file_name_of(headers.get("Content-Disposition", "")),
            body,
            retry_after_of(headers),
        )

    @cached_property
    def text(self) -> str:
        """The body as text; bytes that are not UTF-8, UTF-16 or UTF-32 are replaced."""
        return self.body.decode(json.detect_encoding(self.body), "replace")

    @cached_property
    def value(self) -> Any:
        """The body's JSON value, or an `Unparsed` if it has none."""
        if not _may_be_json(self.body):
            return Unparsed(is_whole=False)
        if _is_deep(self.text):
            return Unparsed(is_whole=True)
        try:
            return _JSON.decode(self.text)
        except ValueError:
            return Unparsed(is_whole=False)

    def json(self) -> dict[str, Any] | None:
        """The body as a JSON object, None where it is none."""
        return self.value if isinstance(self.value, dict) else None


def _may_be_json(body: bytes) -> bool:
    """Whether it is worth a look: most large bodies are files."""
    head = body[:64].lstrip(b"\xef\xbb\xbf\xff\xfe\x00 \t\r\n")
    return head[:1] in (b"{", b"[", b'"')


def _is_deep(text: str) -> bool:
    """Whether JSON is nested deeper than any answer.

    `json` recurses, and would raise at a depth that depends on who calls it.
    """
    opened = text.count("[") + text.count("{")
    if opened <= _MOST_DEPTH:
        return False
    depth = 0
    for token in _BRACKETS.finditer(without_escapes(text)):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(token[0], 0)
        if depth > _MOST_DEPTH:
            return True
    return opened > _MOST_CONTAINERS


def _number(digits: str) -> int | float:
    """A whole number. Python itself refuses those of more than 4,300 digits."""
    return int(digits) if len(digits) < _LONGEST_NUMBER_CHARACTERS else math.inf


def _no_number(_constant: str) -> None:
    """NaN and Infinity are no JSON, and nothing we keep may hold them."""


_JSON: Final = json.JSONDecoder(parse_int=_number, parse_constant=_no_number)
