"""The values of an entry's fields: numbers, flags, times and words, as Redis keeps them.

What is none is damaged, and refused: a ValueError.
"""

from __future__ import annotations

import re
from typing import Final, TypeVar

from conveyor.domain.conversion import State
from conveyor.domain.dialect import Dialect

__all__ = ["UnknownWord", "checked_text", "flag_of", "moment_of", "number_of", "word_of"]

# As every state and every dialect is called, those of later releases, too.
_WORD: Final = re.compile("[a-z][a-z_]{2,31}", re.ASCII)
# What is beyond can't be raised: Lua, and JSON, count to twice that.
_MOST: Final = 2**52
_WHOLE: Final = re.compile("0|-?[1-9][0-9]{0,15}", re.ASCII)
# The year 6325: what a date can't show is damaged.
_LATEST_S: Final = 2.0**37
_REPLACED: Final = "\ufffd"

WordT = TypeVar("WordT", State, Dialect)


class UnknownWord(Exception):  # noqa: N818 - no error: it is newer
    """A state or a dialect that we don't know: whoever wrote it knows more than we do."""


def word_of(kind: type[WordT], text: str) -> WordT:
    """Read a state or a dialect.

    Raises:
        UnknownWord: It may be a word of a later release's.
        ValueError: It is damaged.
    """
    try:
        return kind(text)
    except ValueError:
        if not _WORD.fullmatch(text):
            raise
        raise UnknownWord from None


def number_of(text: str) -> int:
    """Read a whole number as Redis itself writes it: what it can't raise is none."""
    if not _WHOLE.fullmatch(text) or abs(int(text)) > _MOST:
        raise ValueError("a counter must be a whole number")
    return int(text)


def checked_text(text: str) -> str:
    """Read a text.

    Bytes that are no text were replaced when they were read: what Redis has is another value.
    """
    if _REPLACED in text:
        raise ValueError("a text must be one")
    return text


def flag_of(text: str) -> bool:
    """Read a flag, 0 or 1."""
    if text not in ("0", "1"):
        raise ValueError("a flag is 0 or 1")
    return text == "1"


def moment_of(text: str | None) -> float | None:
    """Read seconds: since the epoch, or a duration; None where there is nothing."""
    if not text:
        return None
    moment = float(text)
    if not 0 <= moment <= _LATEST_S:
        raise ValueError("a time must be a number of seconds since the epoch")
    return moment
