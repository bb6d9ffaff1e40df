"""A file's name and a wait, out of an answer's head.

Heads are foreign text: none makes this raise.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import unquote_to_bytes

__all__ = ["file_name_of", "retry_after_of"]

_MOST_HEADER_CHARACTERS: Final = 4096
_MOST_WAIT_S: Final = 3600.0

_EXTENDED: Final = re.compile(
    r"""(?:^|;)\s*filename\*\s*=\s*"?([\w.:-]*)'[^';"]*'([^;"\s]*)""", re.IGNORECASE
)
_PLAIN: Final = re.compile(
    r"""(?:^|;)\s*filename\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;"]*))""", re.IGNORECASE
)


def retry_after_of(headers: Mapping[str, str]) -> float | None:
    """The wait that the answer asks for, in seconds.

    Args:
        headers: The head's fields.

    Returns:
        Seconds, 0 to 3600. None where there is no such wish, or none that can be read.
    """
    text = headers.get("Retry-After", "").strip()[:_MOST_HEADER_CHARACTERS]
    if not text:
        return None
    wait_s = float(text) if re.fullmatch(r"[0-9]{1,300}(\.[0-9]{0,9})?", text) else None
    if wait_s is None:
        until = _date(text)
        # By the clock of whoever answered, where it tells the time: ours may differ.
        now = _date(headers.get("Date", "")) or datetime.now(UTC)
        wait_s = None if until is None else (until - now).total_seconds()
    return None if wait_s is None else min(max(wait_s, 0.0), _MOST_WAIT_S)


def file_name_of(disposition: str) -> str:
    """The name in a Content-Disposition (RFC 6266), empty where there is none.

    Args:
        disposition: The header. `email`'s own reader raises on some of what servers send, and
            prefers the older of two names that differ.
    """
    text = disposition[:_MOST_HEADER_CHARACTERS]
    if not text:
        return ""
    if extended := _EXTENDED.search(text):
        return _decoded(unquote_to_bytes(extended[2]), extended[1]).strip()
    if plain := _PLAIN.search(text):
        name = plain[2] if plain[1] is None else re.sub(r"\\(.)", r"\1", plain[1])
        return _from_words(name.strip())
    return ""


def _decoded(name: bytes, charset: str) -> str:
    try:
        return name.decode(charset or "utf-8", "replace")
    except (LookupError, ValueError):
        return name.decode("utf-8", "replace")


def _from_words(name: str) -> str:
    """A plain name: RFC 2047 words, as .NET writes them, or UTF-8 that was read as Latin-1."""
    if name.startswith("=?"):
        try:
            return str(make_header(decode_header(name))) or name
        except (HeaderParseError, LookupError, ValueError):
            return name
    try:
        return name.encode("latin-1").decode()
    except ValueError:
        return name


def _date(text: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(text[:_MOST_HEADER_CHARACTERS])
    except (IndexError, OverflowError, TypeError, ValueError):
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)
