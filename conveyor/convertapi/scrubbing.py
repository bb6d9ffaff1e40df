"""The words of others without our own secrets, and short enough to keep."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from contextlib import suppress
from functools import cached_property, lru_cache
from typing import Any, Final
from urllib.parse import quote
from uuid import UUID

from conveyor.convertapi.cleaning import HIDDEN, clean_text
from conveyor.domain.redaction import redact_text

__all__ = [
    "MOST_ANSWER_CHARACTERS",
    "MOST_MESSAGE_CHARACTERS",
    "MOST_NAME_CHARACTERS",
    "Scrubber",
]

MOST_MESSAGE_CHARACTERS: Final = 1000
MOST_NAME_CHARACTERS: Final = 255
MOST_ANSWER_CHARACTERS: Final = 2000

_MOST_READ_CHARACTERS: Final = 64 * 1024
_LONGEST_SECRET_CHARACTERS: Final = 4096
_SHORTEST_SECRET_CHARACTERS: Final = 4
_MOST_EXTRA_FIELDS: Final = 20
_MOST_EXTRA_CHARACTERS: Final = 1000
_MOST_DEPTH: Final = 5

_DIGITS_OF_UUID: Final = 32
# What a pattern that minds no case takes for an ASCII letter, and `lower` does not.
_LIKE_ASCII: Final = str.maketrans("\u0130\u0131\u017f\u212a", "iisk")


class Scrubber:
    """Takes our own secrets out of the words of others.

    Args:
        secrets: API secrets, job ids, signatures. They are found in any case, with and without
            dashes, and as URLs write them. Those of less than four characters are not looked for.
            They are read when a text is first cleaned.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        self._secrets = secrets

    def text(self, text: str, most: int) -> str:
        """Clean a text, and hide secrets and URLs in it.

        Args:
            text: As it came.
            most: Characters.
        """
        return clean_text(redact_text(self._hidden(text)), most)

    def name(self, name: str) -> str:
        """Clean a file name, and hide secrets in it.

        Args:
            name: As it came.
        """
        return clean_text(self._hidden(name), MOST_NAME_CHARACTERS)

    def fields(self, fields: dict[str, Any]) -> dict[str, Any]:
        """Clean fields that we have no name for.

        Args:
            fields: As they came.

        Returns:
            At most 20 of them. Large and deeply nested ones are left out.
        """
        kept = {}
        for name, value in list(fields.items())[:_MOST_EXTRA_FIELDS]:
            cleaned = self._value(value, _MOST_DEPTH)
            if len(json.dumps(cleaned)) <= _MOST_EXTRA_CHARACTERS:
                kept[self.text(name, MOST_NAME_CHARACTERS)] = cleaned
        return kept

    def tree(self, value: Any) -> Any:
        """Clean a whole answer, so that support can read it.

        Args:
            value: What JSON brought.
        """
        return self._value(value, _MOST_DEPTH)

    def _value(self, value: Any, depth: int) -> Any:
        if isinstance(value, str):
            return self.text(value, _MOST_EXTRA_CHARACTERS)
        if isinstance(value, bool) or value is None:
            return value
        if isinstance(value, int):
            return min(max(value, -(2**53)), 2**53)
        if isinstance(value, float):
            return value if math.isfinite(value) else None
        return self._container(value, depth)

    def _container(self, value: Any, depth: int) -> Any:
        if not depth:
            return HIDDEN
        if isinstance(value, list):
            return [self._value(item, depth - 1) for item in value[:100]]
        if isinstance(value, dict):
            return {
                self.text(str(name), MOST_NAME_CHARACTERS): self._value(item, depth - 1)
                for name, item in list(value.items())[:100]
            }
        return None

    def _hidden(self, text: str) -> str:
        if len(text) > _MOST_READ_CHARACTERS:
            # A secret that this cut halves goes with what is left out behind it.
            text = text[:_MOST_READ_CHARACTERS]
            text = text[:-_LONGEST_SECRET_CHARACTERS]
        return self._pattern.sub(HIDDEN, text) if self._may_hold_one(text) else text

    def _may_hold_one(self, text: str) -> bool:
        """Whether a text is worth the pattern, which takes long to make and is needed seldom."""
        if not all(map(str.isascii, self._forms)):
            return True
        folded = (text if text.isascii() else text.translate(_LIKE_ASCII)).lower()
        return any(form.lower() in folded for form in self._forms)

    @cached_property
    def _forms(self) -> frozenset[str]:
        return frozenset(form for secret in self._secrets for form in _forms_of(secret))

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        longest_first = sorted(self._forms, key=len, reverse=True)
        return re.compile("|".join(map(re.escape, longest_first)), re.IGNORECASE)


@lru_cache(maxsize=64)
def _forms_of(secret: str) -> frozenset[str]:
    """How a secret may be written. Those of the account come with every answer."""
    if len(secret) < _SHORTEST_SECRET_CHARACTERS:
        return frozenset()
    bare = secret.replace("-", "")
    forms = {secret, bare, quote(secret, safe="", errors="replace")}
    if len(bare) >= _DIGITS_OF_UUID:
        with suppress(ValueError):
            forms.add(str(UUID(hex=bare)))
    return frozenset(form for form in forms if len(form) >= _SHORTEST_SECRET_CHARACTERS)
