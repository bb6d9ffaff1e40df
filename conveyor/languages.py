"""Chooses the language that a reader prefers: pure, by the rules of ``Accept-Language``."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Final

__all__ = ["chosen"]

# A tag of the form that RFC 4647 calls a basic range, and its weight.
_RANGE: Final = re.compile(
    r"\s*([A-Za-z]{1,8}(?:[-_][A-Za-z0-9]{1,8}){0,5}|\*)\s*(?:;\s*q\s*=\s*([01](?:\.\d{0,3})?)\s*)?"
)
_ANY: Final = "*"


def chosen(wanted: str, languages: Collection[str]) -> str | None:
    """The language that its reader prefers.

    Args:
        wanted: A language, ``de`` or ``de_AT``, or ``Accept-Language``: ``fr, de;q=0.8``. What is
            malformed is passed over.
        languages: The languages that there are, in lower case.

    Returns:
        One of them, None where the reader names none of them.
    """
    weights = dict(_weights(wanted))
    liked = [name for name in weights if weights[name] > 0 and name in languages]
    # The first of several that are liked as well: dictionaries and `max` keep the order.
    return max(liked, key=lambda name: weights[name], default=None)


def _weights(wanted: str) -> Iterator[tuple[str, float]]:
    """Each language that is named, without its region, and how much it is liked."""
    best: dict[str, float] = {}
    for part in wanted.split(","):
        found = _RANGE.fullmatch(part)
        if found is None or found[1] == _ANY:
            continue
        name = re.split("[-_]", found[1])[0].lower()
        best[name] = max(best.get(name, 0.0), float(found[2] or 1))
    yield from best.items()
