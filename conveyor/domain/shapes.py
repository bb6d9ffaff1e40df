"""Records read from JSON: what is of another form than it must be is refused when it is read.

Otherwise one damaged record would raise wherever it is shown or sent on, and take others along.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping
from functools import cache
from types import UnionType
from typing import Any, Final, TypeVar, get_args, get_origin, get_type_hints

__all__ = [
    "as_fields",
    "known_fields",
    "list_of",
    "plain_of",
    "record_of",
    "text_of",
    "texts_of",
    "without_escapes",
]

# JSON may hold half a character (a lone surrogate), which neither Redis nor HTTP takes.
_ESCAPED_HALF: Final = re.compile(r"\\u[dD][89a-fA-F]")

RecordT = TypeVar("RecordT")
TextT = TypeVar("TextT", str, bytes)


def without_escapes(text: TextT) -> TextT:
    """JSON in which each quote begins or ends a string, to find its structure by a simple pattern.

    Args:
        text: JSON, or anything else.

    Returns:
        The same without escaped backslashes and escaped quotes.
    """
    if isinstance(text, bytes):
        return text.replace(rb"\\", b"").replace(rb"\"", b"")
    return text.replace(r"\\", "").replace(r"\"", "")


def plain_of(text: str) -> Any:
    """Parse a JSON text and replace every lone surrogate.

    Raises:
        ValueError: The text is not JSON.
        RecursionError: It is too deep.
    """
    plain = json.loads(text)
    if _ESCAPED_HALF.search(text) is None:
        return plain
    return json.loads(json.dumps(plain, ensure_ascii=False).encode(errors="replace"))


def as_fields(record: Any) -> dict[str, Any]:
    """A record's fields by name; `dataclasses.asdict` would copy what each of them holds.

    Args:
        record: A dataclass.
    """
    return {each.name: getattr(record, each.name) for each in dataclasses.fields(record)}


def known_fields(kind: type, plain: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what a later release has added to a record.

    Args:
        kind: A dataclass.
        plain: Fields by name.

    Returns:
        The fields that the dataclass has.
    """
    return {name: value for name, value in plain.items() if name in _types_of(kind)}


def record_of(kind: type[RecordT], plain: Any) -> RecordT:
    """A record of its known fields: a newer version may have written more.

    Args:
        kind: A dataclass.
        plain: Its fields by name.

    Raises:
        TypeError: A field is missing, or is not of its type.
    """
    if not isinstance(plain, Mapping):
        raise TypeError("a record is an object")
    types = _types_of(kind)  # type: ignore[arg-type] # mypy takes a class for unhashable
    known = known_fields(kind, plain)
    for name, value in known.items():
        if type(value) not in types[name]:
            raise TypeError(f"a field of a {kind.__name__} is of another type")
    return kind(**known)


def list_of(value: Any) -> list[Any]:
    """A list.

    Raises:
        TypeError: It is none.
    """
    if not isinstance(value, list):
        raise TypeError("this must be a list")
    return value


def text_of(value: Any) -> str:
    """A text.

    Raises:
        TypeError: It is none.
    """
    if not isinstance(value, str):
        raise TypeError("this must be a text")
    return value


def texts_of(value: Any) -> dict[str, str]:
    """Texts by name.

    Raises:
        TypeError: It is something else.
    """
    if not isinstance(value, Mapping):
        raise TypeError("this must be an object")
    return {name: text_of(text) for name, text in value.items()}


@cache
def _types_of(kind: type) -> Mapping[str, tuple[type, ...]]:
    return {name: _classes_of(hint) for name, hint in get_type_hints(kind).items()}


def _classes_of(hint: Any) -> tuple[type, ...]:
    parts = get_args(hint) if isinstance(hint, UnionType) else (hint,)
    return tuple(get_origin(part) or part for part in parts)
