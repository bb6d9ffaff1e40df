"""The header Content-Disposition, read and written (RFC 6266).

Clients give a file's name encoded (RFC 8187), or plain: with raw UTF-8, raw Latin-1 or percent
signs in it. The encoded one counts where both are there. Rarer forms are kept as they came.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final
from urllib.parse import quote, unquote_to_bytes

from convertapi_sandbox.files import safe_name

__all__ = ["attachment", "file_name"]

_PARAMETER: Final = re.compile(r';\s*([^\s;="]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^;]*)', re.DOTALL)
# A Windows path stands unescaped as often as not.
_ESCAPED: Final = re.compile(r'\\(["\\])')
# Those that RFC 8187 asks for. Python knows encodings that are none, and some that take their time.
_CHARSETS: Final = frozenset({"utf-8", "iso-8859-1"})
_PERCENT_IN_VAIN: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
_MAX_CHARACTERS: Final = 8192


def file_name(header: str | None) -> str:
    """Return the file name that a header states; empty if it states none.

    Args:
        header: The value as decoded by the server, that is from Latin-1.
    """
    given: dict[str, str] = {}
    for name, value in _PARAMETER.findall((header or "")[:_MAX_CHARACTERS]):
        given.setdefault(name.lower(), _unquoted(value.strip()))
    encoded, plain = given.get("filename*", ""), given.get("filename", "")
    name = _from_encoded(encoded) or _from_plain(plain)
    return safe_name(unicodedata.normalize("NFC", name))


def attachment(name: str) -> str:
    """Return a header that names a file, whatever its script.

    Args:
        name: The file's name.
    """
    return f"attachment; filename*=UTF-8''{quote(name)}"


def _unquoted(value: str) -> str:
    return _ESCAPED.sub(r"\1", value[1:].removesuffix('"')) if value.startswith('"') else value


def _from_encoded(value: str) -> str:
    """The name out of `charset'language'text`; empty where it can't be read."""
    charset, _, rest = value.partition("'")
    _, quoted, text = rest.partition("'")
    if not quoted or charset.lower() not in _CHARSETS:
        return ""
    try:
        return unquote_to_bytes(text.encode("latin-1", "replace")).decode(charset)
    except UnicodeError:
        return ""


def _from_plain(text: str) -> str:
    """The name as its client has meant it."""
    name = _from_raw(text)
    if "%" not in name or _PERCENT_IN_VAIN.search(name):
        return name
    try:
        return unquote_to_bytes(name).decode()
    except UnicodeError:
        return name


def _from_raw(text: str) -> str:
    """UTF-8 that was read as Latin-1, or Latin-1 itself."""
    try:
        return text.encode("latin-1").decode()
    except UnicodeError:
        return text
