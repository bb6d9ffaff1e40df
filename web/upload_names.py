"""The header ``Content-Disposition`` as clients write it, for code that accepts uploads.

Browsers, curl, .NET, Java and mail programs write a file's name in a dozen ways, and most of them
write one way only. The better of two comes first: RFC 8187's, then RFC 2231's in pieces, then the
plain one, which may hold raw UTF-8, raw Latin-1, encoded words (RFC 2047) or percent signs.
"""

from __future__ import annotations

import re
import unicodedata
from base64 import b64decode
from binascii import Error, a2b_qp
from collections.abc import Callable, Iterator
from itertools import groupby
from operator import itemgetter
from typing import Final
from urllib.parse import unquote_to_bytes

__all__ = ["field_name_of", "file_name_of"]

_PARAMETER: Final = re.compile(r';\s*([^\s;="]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^;]*)', re.DOTALL)
_PIECE: Final = re.compile(r"filename\*(\d{1,2})(\*?)", re.ASCII)
# A Windows path stands unescaped as often as not.
_ESCAPED: Final = re.compile(r'\\(["\\])')
_WORD: Final = re.compile(r"=\?([\w.:-]+)(?:\*[\w-]*)?\?([BbQq])\?([!->@-~]*)\?=", re.ASCII)
_WORDS: Final = re.compile(rf"{_WORD.pattern}(?:\s*{_WORD.pattern})*", re.ASCII)
_PERCENT_IN_VAIN: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
_SLASH: Final = re.compile(r"[/\\]")

# A name of 255 characters, in the longest of its forms, twice.
_MOST: Final = 8192

# Python knows encodings that are none, and some that take their time.
_ENCODINGS: Final = frozenset(
    {
        *("utf-8", "utf8", "us-ascii", "ascii", "koi8-r", "koi8-u"),
        # There is no 12.
        *(f"iso-8859-{number}" for number in (*range(1, 12), *range(13, 17))),
        *(f"windows-125{number}" for number in range(9)),
        *("gb2312", "gbk", "gb18030", "big5", "shift_jis", "euc-jp", "euc-kr", "iso-2022-jp"),
    }
)
# Of raw bytes; the last takes anything.
_RAW: Final = ("utf-8", "windows-1252", "latin-1")


def file_name_of(header: str) -> str:
    """The file name that a header gives.

    Args:
        header: Its value, decoded as Latin-1, as servers do.

    Returns:
        The name in NFC, without folders; empty where the header gives none.
    """
    given = _parameters(header)
    name = _extended(given.get("filename*", "")) or _joined(given) or _plain(given)
    return unicodedata.normalize("NFC", _SLASH.split(name)[-1]).strip()


def field_name_of(header: str) -> str | None:
    """The name of the form's field that a part's header gives; None where it gives none."""
    name = _parameters(header).get("name")
    return None if name is None else _from_raw(name)


def _parameters(header: str) -> dict[str, str]:
    """By their names in lower case, quotes removed; the first of one name counts."""
    given: dict[str, str] = {}
    for name, value in _PARAMETER.findall(header[:_MOST]):
        given.setdefault(name.lower(), _unquoted(value.strip()))
    return given


def _unquoted(value: str) -> str:
    if not value.startswith('"'):
        return value
    return _ESCAPED.sub(r"\1", value[1:].removesuffix('"'))


def _extended(value: str) -> str:
    """What RFC 8187 has encoded; empty where it can't be read."""
    charset, first, rest = value.partition("'")
    _, second, text = rest.partition("'")
    if first and second:
        return _decoded(unquote_to_bytes(_raw(text)), charset) or ""
    return _decoded(unquote_to_bytes(_raw(value)), "utf-8") or ""


def _joined(given: dict[str, str]) -> str:
    """What RFC 2231 has cut into pieces; empty where the first is missing."""
    pieces = {
        int(match[1]): (bool(match[2]), value)
        for name, value in given.items()
        if (match := _PIECE.fullmatch(name))
    }
    content, charset, number = b"", "utf-8", 0
    while number in pieces:
        is_encoded, text = pieces[number]
        if number == 0 and is_encoded and text.count("'") >= 2:  # noqa: PLR2004 - charset, language
            charset, _, text = text.split("'", 2)
        content += unquote_to_bytes(_raw(text)) if is_encoded else _raw(text)
        number += 1
    return _decoded(content, charset) or ""


def _plain(given: dict[str, str]) -> str:
    name = _WORDS.sub(_of_words, _from_raw(given.get("filename", "")))
    if "%" not in name or _PERCENT_IN_VAIN.search(name):
        return name
    meant = _decoded(unquote_to_bytes(name), "utf-8")
    return meant if meant and meant.isprintable() else name


def _of_words(run: re.Match[str]) -> str:
    """Encoded words: a character may be cut in two between them."""
    words = [
        (charset.lower(), _CODINGS[coding.lower()](text))
        for charset, coding, text in _WORD.findall(run[0])
    ]
    return "".join(_sections(words)) or run[0]


def _sections(words: list[tuple[str, bytes]]) -> Iterator[str]:
    for charset, group in groupby(words, itemgetter(0)):
        yield _decoded(b"".join(content for _, content in group), charset) or ""


def _base64(text: str) -> bytes:
    try:
        return b64decode(f"{text}==")
    except Error:
        return b""


def _quoted_printable(text: str) -> bytes:
    return a2b_qp(text, header=True)


_CODINGS: Final[dict[str, Callable[[str], bytes]]] = {"b": _base64, "q": _quoted_printable}


def _from_raw(text: str) -> str:
    """Text of a header, which is read as Latin-1, as its client has meant it."""
    try:
        raw = text.encode("latin-1")
    except UnicodeError:
        return text
    return next(filter(None, (_decoded(raw, encoding) for encoding in _RAW)), "")


def _raw(text: str) -> bytes:
    return text.encode("latin-1", "replace")


def _decoded(content: bytes, charset: str) -> str | None:
    """None where it can't be."""
    name = charset.lower()
    if name not in _ENCODINGS and name not in _RAW:
        return None
    try:
        return content.decode(name)
    except (UnicodeError, LookupError):
        return None
