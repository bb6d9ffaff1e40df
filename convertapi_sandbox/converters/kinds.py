"""Kinds of parameter values: each turns text into a value or says what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

__all__ = ["choice", "flag", "http_url", "integer", "text"]

_TRUE: Final = frozenset({"true", "1", "yes", "on"})
_FALSE: Final = frozenset({"false", "0", "no", "off"})


def text(value: str) -> str:
    """Take any text.

    Args:
        value: As it came.
    """
    return value


def flag(value: str) -> bool:
    """Take a truth value, in the spellings of the usual clients.

    Args:
        value: As it came.

    Raises:
        ValueError: It is none.
    """
    lower = value.strip().lower()
    if lower in _TRUE:
        return True
    if lower in _FALSE:
        return False
    raise ValueError("The value must be true or false.")


def integer(low: int, high: int) -> Callable[[str], int]:
    """Return a reader of whole numbers within bounds.

    Args:
        low: The least that is taken.
        high: The greatest that is taken.
    """

    def read(value: str) -> int:
        """Take a whole number within the bounds."""
        problem = f"The value must be a whole number from {low} to {high}."
        try:
            number = int(value)
        except ValueError:
            raise ValueError(problem) from None
        if not low <= number <= high:
            raise ValueError(problem)
        return number

    return read


def choice(*allowed: str) -> Callable[[str], str]:
    """Return a reader of one of some words, in any case."""

    def read(value: str) -> str:
        """Take one of the words, in lower case."""
        if value.lower() not in allowed:
            raise ValueError(f"The value must be one of: {', '.join(allowed)}.")
        return value.lower()

    return read


def http_url(value: str) -> str:
    """Take an absolute http or https URL.

    Args:
        value: As it came.

    Raises:
        ValueError: It is none.
    """
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("The value must be an absolute http or https URL.")
    return value
