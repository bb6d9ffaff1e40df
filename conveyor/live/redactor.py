"""What a recording shows of an answer: its form, and nothing that opens, names or counts anything.

Two nets lie one under the other. What is not known to be harmless is replaced by its type. What the
run knows to be a secret is looked for in all that remains, in whatever encoding.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from conveyor.live.fields import (
    DATA_KEY,
    ID_KEYS,
    KEPT_BELOW,
    KEPT_NUMBERS,
    KEPT_TEXTS,
    KNOWN_FIELDS,
    URL_KEY,
)
from conveyor.live.hosts import shown_host
from conveyor.live.known_secrets import LEAST_SECRET, KnownSecrets, path_of
from conveyor.live.masking import masked, outside_placeholders

__all__ = ["KEPT_HEADERS", "Redactor"]

KEPT_HEADERS: Final = (
    "accept-ranges",
    "allow",
    "content-disposition",
    "content-range",
    "content-type",
    "location",
    "retry-after",
    "www-authenticate",
)
"""Headers of an answer that a recording holds; all others are left out."""

MAX_TEXT: Final = 2000

_MAX_ITEMS: Final = 3
_MAX_FIELDS: Final = 60
_MAX_DEPTH: Final = 8
_MAX_NUMBER: Final = 10**9


# Long enough for a name of the service's; what has more digits is no name.
_FIELD: Final = re.compile(r"[A-Za-z_.-]{1,32}\d?")
_URL: Final = re.compile(r"""[A-Za-z][A-Za-z0-9+.-]*:/+[^\s"'<>]+""")


class Redactor:
    """Shows answers without what is secret in them.

    Args:
        known: What is secret. Let it learn from all answers first: a later one may reveal what an
            earlier one quotes.
    """

    def __init__(self, known: KnownSecrets) -> None:
        self._known = known

    def text(self, text: str) -> str:
        """Show a foreign text: bounded, in one encoding, without what it gives away.

        Args:
            text: As it came.
        """
        clean = text[:MAX_TEXT].encode("utf-8", "replace").decode()
        hosts = _URL.sub(lambda found: f"https://{_host(found[0])}/<path>", clean)
        return outside_placeholders(self._known.hide(hosts), masked)

    def headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Show those headers of an answer that are of interest."""
        kept = {name: headers[name] for name in KEPT_HEADERS if name in headers}
        # Its parameters look as if they were tokens, and nothing depends on them.
        kept.update(
            {"content-type": kept["content-type"].partition(";")[0]}
            if "content-type" in kept
            else {}
        )
        shown = {name: self.text(text) for name, text in kept.items()}
        # Headers are Latin-1 on the wire, and whoever replays this sends them.
        return {name: text.encode("ascii", "replace").decode() for name, text in shown.items()}

    def body(self, value: Any) -> Any:
        """Show a JSON value: its form, and the values that are known to be harmless."""
        return self._shown(value, "", kept=False, depth=0)

    def _shown(self, value: Any, key: str, *, kept: bool, depth: int) -> Any:
        if depth > _MAX_DEPTH:
            return "<deeper>"
        if isinstance(value, dict):
            return self._object(value, kept=kept, depth=depth)
        if isinstance(value, list):
            items = value[:_MAX_ITEMS]
            return [self._shown(item, key, kept=kept, depth=depth + 1) for item in items]
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, str):
            return self._string(value, key, kept=kept)
        return self._number(value, key)

    def _object(self, value: dict[str, Any], *, kept: bool, depth: int) -> dict[str, Any]:
        shown = {}
        for key, item in list(value.items())[:_MAX_FIELDS]:
            below = kept or key == KEPT_BELOW
            shown[self._field(key)] = self._shown(item, key, kept=below, depth=depth + 1)
        return shown

    def _field(self, key: str) -> str:
        is_harmless = _FIELD.fullmatch(key) and self._known.hide(key) == key
        return key if key in KNOWN_FIELDS or is_harmless else "<field>"

    def _string(self, text: str, key: str, *, kept: bool) -> str:
        if key in ID_KEYS:
            return self._known.name_of(text.strip(), f"<{ID_KEYS[key]}>")
        if key == DATA_KEY:
            return "<data>"
        if key == URL_KEY:
            return self._address(text)
        if kept or key in KEPT_TEXTS:
            return self.text(text)
        return "<text>" if text else ""

    def _address(self, url: str) -> str:
        """A result's address: its host, and what kind of path it has."""
        parts = [part for part in path_of(url).strip("?#/").split("/") if part]
        names = [
            self._known.name_of(part, part if len(part) < LEAST_SECRET else "<path>")
            for part in parts
        ]
        return self._known.hide("/".join([f"https://{_host(url)}", *names]))

    def _number(self, value: float, key: str) -> Any:
        harmless = key in KEPT_NUMBERS and isinstance(value, int) and abs(value) < _MAX_NUMBER
        return value if harmless else "<number>"


def _host(url: str) -> str:
    try:
        return shown_host(f"https://{urlsplit(url).hostname or ''}")
    except ValueError:
        return "another"
