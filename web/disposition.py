"""File names in ``Content-Disposition``, as answers have them."""

from __future__ import annotations

import re
import unicodedata
from typing import Final
from urllib.parse import quote

__all__ = ["attachment"]

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
