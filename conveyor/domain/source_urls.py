"""Which addresses a source may have: those that every part reads alike."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

from conveyor.errors import InvalidRequest

__all__ = ["bytes_of", "check_length", "check_url", "half_a_character", "scheme_of"]

# One letter is a drive of Windows, as fsspec has it.
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):")
_AUTHORITY = re.compile(r"[^/?#]*//[^/?#]*")
# A name has 253 characters at most; a user and a password are told of below.
_MAX_AUTHORITY: Final = 1024
_CONTROL = re.compile(r"[\x00-\x1f\x7f\\]")
# Longer addresses are taken by no server and no file system.
_MAX_BYTES: Final = 8192


def scheme_of(text: str) -> str:
    """The scheme of a URL in lower case, empty where it is none.

    Args:
        text: A source, as it was given.

    Raises:
        InvalidRequest: It is a URL that can't be read.
    """
    if "://" not in text:
        return ""
    if text[0].isspace():
        # Parsers disagree about it.
        raise _unreadable()
    try:
        urlsplit(text)
    except ValueError:
        raise _unreadable() from None
    found = _SCHEME.match(text)
    return found[1].lower() if found else ""


def check_url(url: str) -> None:
    """Refuse what the service can't fetch, and what two parsers would read differently.

    Args:
        url: An http or https URL.

    Raises:
        InvalidRequest: It is such a URL; the message says why.
    """
    # It takes a tenth of a second to load, and only a request with a URL needs it.
    from urllib3.util import parse_url  # noqa: PLC0415 - see above

    if _CONTROL.search(url) or url != url.strip():
        raise _unreadable()
    # Only the host is asked for. The rest may be long, and urllib3 would quote it letter by letter.
    authority = _AUTHORITY.match(url)
    if authority is None or len(authority[0]) > _MAX_AUTHORITY:
        raise _unreadable()
    try:
        host = parse_url(authority[0]).host
    except ValueError:
        raise _unreadable() from None
    if not host:
        raise InvalidRequest(
            "The source URL has no host. Use a full URL, for example https://example.com/a.docx."
        )
    if "@" in urlsplit(url).netloc:
        raise InvalidRequest(
            "The source URL contains a user name or password. Use a URL that works without them, "
            "for example a signed URL."
        )


def check_length(text: bytes) -> None:
    """Refuse a source that no server and no file system takes.

    Args:
        text: The source, encoded.

    Raises:
        InvalidRequest: It is too long.
    """
    if len(text) > _MAX_BYTES:
        raise InvalidRequest(f"The source is longer than {_MAX_BYTES} bytes. Use a shorter one.")


def bytes_of(text: str) -> bytes:
    """Encode a source.

    Args:
        text: The source.

    Raises:
        InvalidRequest: It holds half a character.
    """
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise half_a_character() from None


def _unreadable() -> InvalidRequest:
    return InvalidRequest("The source URL can't be read: check its host.")


def half_a_character() -> InvalidRequest:
    """What to raise where a source holds half a character, which nothing can encode."""
    return InvalidRequest(
        "The source holds half a character (a lone surrogate). Use valid Unicode text."
    )
