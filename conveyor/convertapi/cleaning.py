"""Texts and numbers from elsewhere, made safe to keep, show and send on.

Whatever an answer brings passes here before it enters a record: half characters are replaced, and
lengths and sizes are bounded. `conveyor.convertapi.scrubbing` also takes out our secrets.
"""

from __future__ import annotations

import math
import re
from typing import Any, Final

__all__ = ["HIDDEN", "clean_identifier", "clean_text", "clean_whole"]

HIDDEN: Final = "…"
"""Stands for what was cut or taken out."""

_HALF: Final = re.compile("[\ud800-\udfff]")
# Control characters, and what turns the direction of a line or breaks it.
_CONTROL: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]"
)
_IDENTIFIER: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")
_WHOLE: Final = re.compile(r"[+-]?\d{1,400}(?:\.\d*)?")


def clean_text(text: str, most: int) -> str:
    """Replace what no text should hold, and cut it.

    Args:
        text: As it came. It may hold lone surrogates, which neither UTF-8 nor Redis' Lua take.
        most: Characters.

    Returns:
        The text, in one line. A cut one ends with ``…``.
    """
    whole = _CONTROL.sub(" ", _HALF.sub("\ufffd", text)).strip()
    return whole if len(whole) <= most else whole[: most - 1] + HIDDEN


def clean_whole(value: Any, most: int) -> int | None:
    """Read a whole number between 0 and a bound.

    Args:
        value: A number, or a text that shows one: ``12``, ``"12"``, ``"12.0"``.
        most: The bound. What lies beyond is brought to it.

    Returns:
        The number. None where the value shows none.
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        found = _WHOLE.fullmatch(value.strip())
        value = None if found is None else float(found[0])
    if isinstance(value, float):
        return None if not math.isfinite(value) else int(min(max(value, 0.0), float(most)))
    return min(max(value, 0), most) if isinstance(value, int) else None


def clean_identifier(value: Any) -> str:
    """Read a JobId or FileId that will stand in a path.

    Args:
        value: As the service gave it.

    Returns:
        It, of at most 128 letters, digits, ``-`` and ``_``. Empty where the value is no such id.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(clean_whole(value, 10**18))
    return value if isinstance(value, str) and _IDENTIFIER.fullmatch(value) else ""
