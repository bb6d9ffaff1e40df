"""A caller's own data beside a conversion: small, flat, and in a form that can be searched."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from conveyor.errors import InvalidRequest

__all__ = [
    "KEY",
    "MAX_BYTES",
    "MAX_KEYS",
    "MAX_NUMBER",
    "Metadata",
    "MetadataValue",
    "metadata_from_pairs",
    "metadata_of",
    "metadata_text",
    "search_text",
]

MetadataValue = str | int | float | bool
Metadata = Mapping[str, MetadataValue]

MAX_KEYS: Final = 16
"""So many keys one conversion has."""

MAX_BYTES: Final = 4096
"""So long its metadata may be in all, as JSON."""

KEY: Final = "[A-Za-z0-9_][A-Za-z0-9_.:-]{0,63}"
"""How a key may be written, as a pattern."""

MAX_NUMBER: Final = 2**53
"""The largest whole number. What lies beyond, JavaScript and Lua round."""

_KEY: Final = re.compile(KEY)
_SHOWN_CHARACTERS: Final = 40


def metadata_of(given: Any) -> dict[str, MetadataValue]:
    """Check a caller's metadata and copy it.

    Args:
        given: Values by key, or None.

    Returns:
        The same, in a dictionary of its own.

    Raises:
        InvalidRequest: It can't be kept; the message says why and shows no value.
    """
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise InvalidRequest(
            f"The metadata must be a mapping of keys to values, not a {type(given).__name__}. For "
            "example {'order': 4711}."
        )
    if len(given) > MAX_KEYS:
        raise InvalidRequest(
            f"The metadata has {len(given)} keys. Use {MAX_KEYS} at most, and keep the rest in "
            "your own database."
        )
    checked = {_key(key): _value(key, value) for key, value in given.items()}
    if len(json.dumps(checked, ensure_ascii=False).encode()) > MAX_BYTES:
        raise InvalidRequest(
            f"The metadata is longer than {MAX_BYTES} bytes as JSON. Use an id, and keep the "
            "rest in your own database."
        )
    return checked


def metadata_from_pairs(pairs: Iterable[str]) -> dict[str, str]:
    """Read ``key=value`` pairs, as a command line and a URL's query have them.

    Args:
        pairs: The pairs. All behind the first ``=`` is the value.

    Raises:
        InvalidRequest: One is no such pair, or a key comes twice.
    """
    read: dict[str, str] = {}
    for pair in pairs:
        key, separator, value = pair.partition("=")
        if not separator:
            raise InvalidRequest("Write metadata as KEY=VALUE, for example order=4711.")
        if key in read:
            raise InvalidRequest(f"The metadata {_key(key)} is given twice. Give it once.")
        read[_key(key)] = value
    return read


def metadata_text(metadata: Metadata) -> str:
    """Metadata in one line, ``order=4711, shop=eu``.

    Args:
        metadata: From `metadata_of`.
    """
    return ", ".join(f"{key}={search_text(value)}" for key, value in metadata.items())


def search_text(value: MetadataValue) -> str:
    """A value as the text by which it is found: ``4711`` and ``"4711"`` are the same.

    Args:
        value: From `metadata_of`.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    return str(value)


def _key(given: Any) -> str:
    if not isinstance(given, str) or not _KEY.fullmatch(given):
        shown = repr(given[:_SHOWN_CHARACTERS]) if isinstance(given, str) else type(given).__name__
        raise InvalidRequest(
            f"The metadata key {shown} is not valid. Use up to 64 letters, digits, dots, "
            "colons, hyphens and underscores."
        )
    return str.__str__(given)


def _value(key: str, given: Any) -> MetadataValue:
    if isinstance(given, bool):
        return given
    if isinstance(given, str):
        return _text(key, str.__str__(given))
    if isinstance(given, int | float):
        return _number(key, given)
    raise InvalidRequest(
        f"The metadata {key} must be text, a number or a boolean, not a {type(given).__name__}."
    )


def _text(key: str, text: str) -> str:
    """Refuse what neither Redis nor HTTP carries."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InvalidRequest(
            f"The metadata {key} holds half a character (a lone surrogate). Use valid Unicode text."
        ) from None
    if "\0" in text:
        raise InvalidRequest(f"The metadata {key} holds a NUL character. Remove it.")
    return text


def _number(key: str, number: Any) -> int | float:
    is_whole = isinstance(number, int)
    if abs(number) <= MAX_NUMBER if is_whole else math.isfinite(number):
        return int(number) if is_whole else float(number)
    raise InvalidRequest(
        f"The metadata {key} is not a number that JSON carries exactly. Use text for it."
    )
