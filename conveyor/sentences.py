"""What end users are told of a failure: the sentences of each language, read when first needed.

A language is a file in ``catalogues/``, ``en.json``. `CONTRIBUTING.md` says how to add one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Final, Literal

from conveyor.languages import chosen

__all__ = ["language_for", "languages", "text_of"]

_FOLDER: Final = Path(__file__).with_name("catalogues")
_FALLBACK: Final = "en"
# Browsers send a tenth of it.
_MOST_CHARACTERS: Final = 1000


@cache
def languages() -> tuple[str, ...]:
    """The languages that there are, by the names of their files."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.json")))


def language_for(wanted: str) -> str:
    """The language that fits best, English where none does.

    Args:
        wanted: A language, ``de`` or ``de-AT``, or a browser's whole ``Accept-Language``.
    """
    return _language_for(wanted[:_MOST_CHARACTERS])


# Browsers send the same few.
@lru_cache(maxsize=256)
def _language_for(wanted: str) -> str:
    return chosen(wanted, languages()) or _FALLBACK


def text_of(reason: str, part: Literal["sentence", "advice"], wanted: str) -> str:
    """One text of a reason.

    Args:
        reason: The reason.
        part: Which of its texts.
        wanted: As `language_for` takes it.
    """
    text: str = _catalogue(language_for(wanted))[reason][part]
    return text


@cache
def _catalogue(language: str) -> Mapping[str, Any]:
    texts: Mapping[str, Any] = json.loads((_FOLDER / f"{language}.json").read_text("utf-8"))
    return texts
