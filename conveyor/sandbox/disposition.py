"""The header Content-Disposition, read and written (RFC 6266)."""

from __future__ import annotations

import re
from urllib.parse import quote, unquote

from conveyor.sandbox.files import safe_name

#: Of extended parameters (RFC 8187 asks for the first, older clients send the second).
CHARSETS = frozenset({"utf-8", "iso-8859-1"})

_EXTENDED = re.compile(
    r"filename\*\s*=\s*(?P<charset>[\w-]+)'[^']*'(?P<name>[^;\s]+)", re.IGNORECASE
)
_PLAIN = re.compile(
    r"filename\s*=\s*(?:\"(?P<quoted>(?:\\.|[^\"\\])*)\"|(?P<bare>[^;\s]+))", re.IGNORECASE
)


def file_name(header: str | None) -> str:
    """Return the file name that a header states; empty if it states none.

    Args:
        header: The value as decoded by the server, that is from Latin-1.
    """
    if not header:
        return ""
    extended = _EXTENDED.search(header)
    if extended:
        return _decoded(extended["name"], extended["charset"].lower())
    plain = _PLAIN.search(header)
    if not plain:
        return ""
    name = plain["bare"] or re.sub(r"\\(.)", r"\1", plain["quoted"] or "")
    return safe_name(_from_bytes(name))


def attachment(name: str) -> str:
    """Return a header that names a file, whatever its script."""
    return f"attachment; filename*=UTF-8''{quote(name)}"


def _decoded(name: str, charset: str) -> str:
    if charset not in CHARSETS:
        return ""
    try:
        return safe_name(unquote(name, charset, errors="strict"))
    except UnicodeDecodeError:
        return ""


def _from_bytes(name: str) -> str:
    # Browsers and urllib3 send UTF-8 here, which a server decodes as Latin-1.
    try:
        return name.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return name
