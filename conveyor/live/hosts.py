"""Which addresses are asked: ConvertAPI's own hosts over https, and stand-ins on this machine."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from urllib3.exceptions import HTTPError
from urllib3.util import Url, parse_url

from conveyor.domain.rules import HOST_SUFFIX
from conveyor.loopback import is_loopback

__all__ = ["is_accepted", "origin_of", "shown_host"]

_HTTPS_PORT: Final = 443
_LAST_PRINTABLE: Final = "~"


def is_accepted(url: str) -> bool:
    """Whether an address may be asked at all.

    Args:
        url: Any text.
    """
    parts = _parsed(url)
    if parts is None or parts.auth is not None or not parts.host:
        return False
    if is_loopback(parts.host):
        return parts.scheme in {"http", "https"}
    return (
        parts.scheme == "https"
        and parts.host.endswith(HOST_SUFFIX)
        and parts.port in {None, _HTTPS_PORT}
    )


def origin_of(url: str) -> str:
    """``scheme://host:port`` of an accepted address, empty for any other."""
    parts = _parsed(url)
    return f"{parts.scheme}://{parts.netloc}" if parts is not None and is_accepted(url) else ""


def shown_host(url: str) -> str:
    """The host as a recording names it: the vendor's by name, this machine as ``loopback``."""
    parts = _parsed(url)
    host = (parts.host if parts else None) or ""
    return host if host.endswith(HOST_SUFFIX) else "loopback" if is_loopback(host) else "another"


def _parsed(url: str) -> Url | None:
    """Read an address as urllib3 does, which connects, where the standard library agrees."""
    # A backslash, a blank or a control character is where parsers differ.
    if any(not "!" <= letter <= _LAST_PRINTABLE or letter == "\\" for letter in url):
        return None
    try:
        parts, other = parse_url(url), urlsplit(url)
        theirs = (other.hostname or "", other.port)
    except (HTTPError, ValueError):
        return None
    return parts if ((parts.host or "").strip("[]").lower(), parts.port) == theirs else None
