"""What a recording shows of an answer: its form, and nothing that opens, names or counts anything.

Two nets lie one under the other. What is not known to be harmless is replaced by its type. What the
run knows to be a secret is looked for in all that remains, in whatever encoding.
"""

from __future__ import annotations

import base64
import binascii
import html
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any, Final
from urllib.parse import unquote_plus, urlsplit

from conveyor.live.hosts import shown_host

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

_KEPT_NUMBERS: Final = frozenset({"Code", "ConversionCost", "ConversionTime", "FileSize"})
_KEPT_TEXTS: Final = frozenset({"Message", "FileName", "FileExt"})
_KEPT_BELOW: Final = "InvalidParameters"
_ID_KEYS: Final = {"JobId": "job-id", "FileId": "file-id"}
_SECRET_KEYS: Final = frozenset(
    {"Secret", "Token", "ApiKey", "Password", "Email", "FullName", "Name", "Company", "Phone"}
)
_URL_KEY: Final = "Url"
_DATA_KEY: Final = "FileData"
_KNOWN_FIELDS: Final = (
    _KEPT_NUMBERS
    | _KEPT_TEXTS
    | _SECRET_KEYS
    | {*_ID_KEYS, _KEPT_BELOW, _URL_KEY, _DATA_KEY, "Files"}
)
_MAX_ITEMS: Final = 3
_MAX_FIELDS: Final = 60
_MAX_DEPTH: Final = 8
_MAX_NUMBER: Final = 10**9

#: A shorter text is in every other word.
_LEAST_SECRET: Final = 4
_FILE_ID_CHARACTERS: Final = 32
#: Layers of encoding that are looked through.
_LAYERS: Final = 3
_MAX_TOKEN: Final = 4000

# Long enough for a name of the service's; what has more digits is no name.
_FIELD: Final = re.compile(r"[A-Za-z_.-]{1,32}\d?")
_URL: Final = re.compile(r"""[A-Za-z][A-Za-z0-9+.-]*:/+[^\s"'<>]+""")
_EMAIL: Final = re.compile(r"[^\s\"'<>@:;,]+@[^\s\"'<>@;,]+")
_ADDRESS: Final = re.compile(
    r"\b\d{1,3}(?:\.\d{1,3}){3}\b|\b[0-9a-fA-F]{0,4}(?::[0-9a-fA-F]{0,4}){3,7}\b"
)
_OPAQUE: Final = re.compile(r"[A-Za-z0-9_+/=~-]{12,}")
_NUMBER: Final = re.compile(r"\d{3,}")
_TOKEN: Final = re.compile(r"\S+")
_BASE64: Final = re.compile(r"[A-Za-z0-9+/_-]{6,}")
_HEX: Final = re.compile(r"(?:[0-9A-Fa-f]{2}){4,}")
_ESCAPE: Final = re.compile(r"\\u([0-9A-Fa-f]{4})|\\x([0-9A-Fa-f]{2})")
# A closed list: a secret between angle brackets is none of them.
_PLACEHOLDER: Final = re.compile(
    r"<(?:(?:secret|account|number|job-id|file-id|path)-\d+"
    r"|job-id|file-id|path|number|text|token|field|email|address|encoded|withheld|deeper|data)>"
)
_WORD_LETTERS: Final = 24


class Redactor:
    """Learns what is secret, then shows answers without it.

    Learn from all answers first: a later one may reveal what an earlier one quotes.

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
            if key in _ID_KEYS:
                self._learn_id(leaf, _ID_KEYS[key])
            elif key == _URL_KEY:
                self._learn_path(leaf)
            elif private or key in _SECRET_KEYS:
                self._learn_private(leaf)

    def text(self, text: str) -> str:
        """Show a foreign text: bounded, in one encoding, without what it gives away.

        Args:
            text: As it came.
        """
        clean = text[:MAX_TEXT].encode("utf-8", "replace").decode()
        hosts = _URL.sub(lambda found: f"https://{_host(found[0])}/<path>", clean)
        return _outside_placeholders(self._scrubbed(hosts), _masked)

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

    def leaks(self, value: Any) -> bool:
        """Whether anything that was learned can still be read out of a redacted value."""
        return any(map(self._can_be_read, _texts(value)))

    def _can_be_read(self, text: str) -> bool:
        rest = _PLACEHOLDER.sub(" ", text)
        return any(map(self._is_told, (*_views(rest), *_views("".join(rest.split())))))

    def _learn_id(self, leaf: Any, kind: str) -> None:
        if isinstance(leaf, str):
            self.learn(leaf, kind)

    def _learn_path(self, leaf: Any) -> None:
        for part in re.split(r"[/?&=#]", _path_of(str(leaf))):
            if len(part) >= _LEAST_SECRET:
                is_file_id = len(part) == _FILE_ID_CHARACTERS
                self.learn(part, "file-id" if is_file_id else "path")

    def _learn_private(self, leaf: Any) -> None:
        if isinstance(leaf, str):
            self.learn(leaf, "account")
            for part in re.split(r"[\s@.,]+", leaf):
                if len(part) >= _LEAST_SECRET:
                    self.learn(part, "account")
        elif isinstance(leaf, int) and not isinstance(leaf, bool):
            self.learn(str(leaf), "number")

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
            below = kept or key == _KEPT_BELOW
            shown[self._field(key)] = self._shown(item, key, kept=below, depth=depth + 1)
        return shown

    def _field(self, key: str) -> str:
        is_harmless = _FIELD.fullmatch(key) and self._scrubbed(key) == key
        return key if key in _KNOWN_FIELDS or is_harmless else "<field>"

    def _string(self, text: str, key: str, *, kept: bool) -> str:
        if key in _ID_KEYS:
            return self._names.get(text.strip(), f"<{_ID_KEYS[key]}>")
        if key == _DATA_KEY:
            return "<data>"
        if key == _URL_KEY:
            return self._address(text)
        if kept or key in _KEPT_TEXTS:
            return self.text(text)
        return "<text>" if text else ""

    def _address(self, url: str) -> str:
        """A result's address: its host, and what kind of path it has."""
        parts = [part for part in _path_of(url).strip("?#/").split("/") if part]
        names = [
            self._names.get(part, part if len(part) < _LEAST_SECRET else "<path>") for part in parts
        ]
        return self._scrubbed("/".join([f"https://{_host(url)}", *names]))

    def _number(self, value: float, key: str) -> Any:
        harmless = key in _KEPT_NUMBERS and isinstance(value, int) and abs(value) < _MAX_NUMBER
        return value if harmless else "<number>"

    def _scrubbed(self, text: str) -> str:
        """Without what was learned, also where it is encoded."""
        for secret in self._secrets():
            text = _outside_placeholders(text, partial(_named, secret, self._names[secret]))
        hidden = _outside_placeholders(
            text, lambda piece: _TOKEN.sub(lambda found: self._token(found[0]), piece)
        )
        # What is broken into lines, or encoded with its blanks, is no single token.
        return "<withheld>" if self._can_be_read(hidden) else hidden

    def _token(self, token: str) -> str:
        return "<encoded>" if any(map(self._is_told, _views(token))) else token

    def _secrets(self) -> list[str]:
        """The longest first: one may hold another."""
        known = (value for value in self._names if len(value) >= _LEAST_SECRET)
        return sorted(known, key=len, reverse=True)

    def _is_told(self, view: str) -> bool:
        folded = view.casefold()
        return any(secret.casefold() in folded for secret in self._secrets())


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
            if name not in _KNOWN_FIELDS:
                yield str(name)
            yield from _texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, str):
        yield value


def _path_of(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:
        return url
    return f"{parts.path}?{parts.query}#{parts.fragment}"


def _named(secret: str, name: str, text: str) -> str:
    return re.sub(re.escape(secret), lambda _: name, text, flags=re.IGNORECASE)


def _outside_placeholders(text: str, change: Callable[[str], str]) -> str:
    """Change what lies between the placeholders."""
    pieces, position = [], 0
    for found in _PLACEHOLDER.finditer(text):
        pieces += [change(text[position : found.start()]), found[0]]
        position = found.end()
    return "".join([*pieces, change(text[position:])])


def _masked(text: str) -> str:
    """Hide whatever looks as if it opened, named or counted something."""
    text = _EMAIL.sub("<email>", text)
    text = _ADDRESS.sub("<address>", text)
    return _outside_placeholders(
        text, lambda piece: _NUMBER.sub("<number>", _OPAQUE.sub(_opaque, piece))
    )


def _opaque(found: re.Match[str]) -> str:
    """A long word of prose stays; what has digits, or capitals inside, is no word."""
    run = found[0]
    is_prose = not any(map(str.isdigit, run)) and run[1:] == run[1:].lower()
    words = re.split(r"[/=~+_-]+", run)
    return run if is_prose and all(len(word) < _WORD_LETTERS for word in words) else "<token>"


def _host(url: str) -> str:
    try:
        return shown_host(f"https://{urlsplit(url).hostname or ''}")
    except ValueError:
        return "another"


def _views(text: str, layers: int = _LAYERS) -> Iterator[str]:
    """A text as it stands, and as it reads once each usual encoding is undone."""
    text = text[:_MAX_TOKEN]
    yield text
    if not layers:
        return
    for other in {*_unescaped(text), *_decoded(text)} - {text}:
        yield from _views(other, layers - 1)


def _unescaped(text: str) -> Iterator[str]:
    yield unquote_plus(text, errors="replace")
    yield html.unescape(text)
    yield _ESCAPE.sub(lambda found: chr(int(found[1] or found[2], 16)), text)


def _decoded(text: str) -> Iterator[str]:
    for found in _HEX.finditer(text):
        yield bytes.fromhex(found[0]).decode("utf-8", "replace")
    for found in _BASE64.finditer(text):
        run = found[0].replace("-", "+").replace("_", "/")
        # It may be glued to what stands before it.
        for offset in range(4):
            yield from _from_base64(run[offset:])


def _from_base64(run: str) -> Iterator[str]:
    whole = run[: len(run) // 4 * 4]
    for piece in (whole, f"{run}{'=' * (-len(run) % 4)}"):
        try:
            yield base64.b64decode(piece, validate=True).decode("utf-8", "ignore")
        except binascii.Error:
            continue
