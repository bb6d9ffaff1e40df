"""File names in ``Content-Disposition``, both ways."""

from __future__ import annotations

import re
import unicodedata
from email.message import Message
from email.utils import collapse_rfc2231_value
from typing import Final
from urllib.parse import quote

__all__ = ["attachment", "file_name_of"]

# RFC 8187 leaves these unquoted.
_ATTR_CHARS: Final = "!#$&+-.^_`|~"
_NOT_QUOTABLE: Final = re.compile(r'[^\x20-\x7e]|["\\%]')


def attachment(name: str) -> str:
    """The header that has a browser store a file, whatever is in it.

    Args:
        name: The file's name.

    Returns:
        ``attachment`` with the name as RFC 8187 writes it, and one in ASCII for old clients.
    """
    letters = unicodedata.normalize("NFKD", name)
    plain = "".join(letter for letter in letters if not unicodedata.combining(letter))
    fallback = _NOT_QUOTABLE.sub("_", plain).strip() or "file"
    header = f'attachment; filename="{fallback}"'
    if fallback == name:
        return header
    return f"{header}; filename*=UTF-8''{quote(name, safe=_ATTR_CHARS)}"


def file_name_of(header: str) -> str:
    """The file name that a request's header gives; empty where it gives none."""
    message = Message()
    message["Content-Disposition"] = _as_meant(header)
    try:
        given = message.get_params([], "Content-Disposition")
        names = [value for name, value in given if name == "filename"]
        # The one in RFC 8187's form comes as a tuple, and is the better of two.
        names.sort(key=lambda value: not isinstance(value, tuple))
        return collapse_rfc2231_value(names[0]).strip() if names else ""
    # An encoding that nobody knows; or parts of a name that don't fit together.
    except (ValueError, LookupError, TypeError):
        return ""


def _as_meant(header: str) -> str:
    """Headers come as Latin-1; who writes a name as it is writes UTF-8."""
    try:
        return header.encode("latin-1").decode()
    except UnicodeError:
        return header
