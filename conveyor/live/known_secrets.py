"""What a run has to keep to itself: learned from its answers, and found in whatever encoding."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any, Final
from urllib.parse import urlsplit

from conveyor.live.encodings import views
from conveyor.live.fields import ID_KEYS, KNOWN_FIELDS, SECRET_KEYS, URL_KEY
from conveyor.live.masking import PLACEHOLDER, outside_placeholders

__all__ = ["LEAST_SECRET", "KnownSecrets", "path_of"]

#: A shorter text is in every other word.
LEAST_SECRET: Final = 4
_FILE_ID_CHARACTERS: Final = 32
_TOKEN: Final = re.compile(r"\S+")


class KnownSecrets:
    """The secrets that a run knows of, each with the name that a recording shows instead.

    Args:
        secrets: What the run itself must keep: credentials.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        self._names: dict[str, str] = {}
        self._counts: dict[str, int] = {}
        for secret in secrets:
            self.learn(secret, "secret")

    def learn(self, value: str, kind: str) -> None:
        """Hide a text from now on, each time under the same name.

        Args:
            value: The secret.
            kind: What it is, e.g. ``job-id``.
        """
        value = value.strip()
        if value and value not in self._names:
            self._counts[kind] = self._counts.get(kind, 0) + 1
            self._names[value] = f"<{kind}-{self._counts[kind]}>"
            # A UUID is the same without its hyphens.
            self._names.setdefault(value.replace("-", ""), self._names[value])

    def learn_from(self, value: Any, *, private: bool) -> None:
        """Learn the ids and secrets of a JSON value.

        Args:
            value: The body of an answer.
            private: Whether every text and number in it is the account's own.
        """
        for key, leaf in _leaves(value):
            if key in ID_KEYS:
                self._learn_id(leaf, ID_KEYS[key])
            elif key == URL_KEY:
                self._learn_path(leaf)
            elif private or key in SECRET_KEYS:
                self._learn_private(leaf)

    def name_of(self, text: str, otherwise: str) -> str:
        """The name of a secret.

        Args:
            text: What may be one.
            otherwise: What to show where it is none.
        """
        return self._names.get(text, otherwise)

    def hide(self, text: str) -> str:
        """Show a text without what was learned, also where that is encoded.

        Args:
            text: Any text.
        """
        for secret in self._longest_first():
            text = outside_placeholders(text, partial(_named, secret, self._names[secret]))
        hidden = outside_placeholders(
            text, lambda piece: _TOKEN.sub(lambda found: self._token(found[0]), piece)
        )
        # What is broken into lines, or encoded with its blanks, is no single token.
        return "<withheld>" if self._can_be_read(hidden) else hidden

    def leaks(self, value: Any) -> bool:
        """Whether anything that was learned can still be read out of a redacted value.

        Args:
            value: JSON, as a recording would hold it.
        """
        return any(map(self._can_be_read, _texts(value)))

    def _can_be_read(self, text: str) -> bool:
        rest = PLACEHOLDER.sub(" ", text)
        return any(map(self._is_told, (*views(rest), *views("".join(rest.split())))))

    def _token(self, token: str) -> str:
        return "<encoded>" if any(map(self._is_told, views(token))) else token

    def _longest_first(self) -> list[str]:
        """The longest first: one may hold another."""
        known = (value for value in self._names if len(value) >= LEAST_SECRET)
        return sorted(known, key=len, reverse=True)

    def _is_told(self, view: str) -> bool:
        folded = view.casefold()
        return any(secret.casefold() in folded for secret in self._longest_first())

    def _learn_id(self, leaf: Any, kind: str) -> None:
        if isinstance(leaf, str):
            self.learn(leaf, kind)

    def _learn_path(self, leaf: Any) -> None:
        for part in re.split(r"[/?&=#]", path_of(str(leaf))):
            if len(part) >= LEAST_SECRET:
                is_file_id = len(part) == _FILE_ID_CHARACTERS
                self.learn(part, "file-id" if is_file_id else "path")

    def _learn_private(self, leaf: Any) -> None:
        if isinstance(leaf, str):
            self.learn(leaf, "account")
            for part in re.split(r"[\s@.,]+", leaf):
                if len(part) >= LEAST_SECRET:
                    self.learn(part, "account")
        elif isinstance(leaf, int) and not isinstance(leaf, bool):
            self.learn(str(leaf), "number")


def _leaves(value: Any, key: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    if depth > 50:  # noqa: PLR2004 - deeper, nothing is shown either
        return
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _leaves(item, name, depth + 1)
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(item, key, depth + 1)
    else:
        yield key, value


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, item in value.items():
            if name not in KNOWN_FIELDS:
                yield str(name)
            yield from _texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, str):
        yield value


def path_of(url: str) -> str:
    """All of an address that stands behind its host.

    Args:
        url: The address. Where it can't be read, all of it counts.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return url
    return f"{parts.path}?{parts.query}#{parts.fragment}"


def _named(secret: str, name: str, text: str) -> str:
    return re.sub(re.escape(secret), lambda _: name, text, flags=re.IGNORECASE)
