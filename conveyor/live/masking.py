"""What a recording hides because of its looks, and the placeholders that it shows instead."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

__all__ = ["PLACEHOLDER", "masked", "outside_placeholders"]

_EMAIL: Final = re.compile(r"[^\s\"'<>@:;,]+@[^\s\"'<>@;,]+")
_ADDRESS: Final = re.compile(
    r"\b\d{1,3}(?:\.\d{1,3}){3}\b|\b[0-9a-fA-F]{0,4}(?::[0-9a-fA-F]{0,4}){3,7}\b"
)
_OPAQUE: Final = re.compile(r"[A-Za-z0-9_+/=~-]{12,}")
_NUMBER: Final = re.compile(r"\d{3,}")
_WORD_LETTERS: Final = 24

PLACEHOLDER: Final = re.compile(
    r"<(?:(?:secret|account|number|job-id|file-id|path)-\d+"
    r"|job-id|file-id|path|number|text|token|field|email|address|encoded|withheld|deeper|data)>"
)
"""A closed list: a secret between angle brackets is none of them."""


def outside_placeholders(text: str, change: Callable[[str], str]) -> str:
    """Change what lies between the placeholders.

    Args:
        text: A text that may hold placeholders.
        change: Makes another text of each piece.
    """
    pieces, position = [], 0
    for found in PLACEHOLDER.finditer(text):
        pieces += [change(text[position : found.start()]), found[0]]
        position = found.end()
    return "".join([*pieces, change(text[position:])])


def masked(text: str) -> str:
    """Hide whatever looks as if it opened, named or counted something.

    Args:
        text: A text of the service's.
    """
    text = _EMAIL.sub("<email>", text)
    text = _ADDRESS.sub("<address>", text)
    return outside_placeholders(
        text, lambda piece: _NUMBER.sub("<number>", _OPAQUE.sub(_opaque, piece))
    )


def _opaque(found: re.Match[str]) -> str:
    """A long word of prose stays; what has digits, or capitals inside, is no word."""
    run = found[0]
    is_prose = not any(map(str.isdigit, run)) and run[1:] == run[1:].lower()
    words = re.split(r"[/=~+_-]+", run)
    return run if is_prose and all(len(word) < _WORD_LETTERS for word in words) else "<token>"
