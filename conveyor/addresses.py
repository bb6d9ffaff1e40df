"""http(s) addresses in settings, read without quoting them."""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit

from conveyor.loopback import is_loopback

__all__ = ["checked_proxy", "is_near", "parts_of"]


def parts_of(url: str) -> SplitResult | None:
    """Read an http(s) URL. urllib's own words may quote a password, so there is no error.

    Args:
        url: The setting.

    Returns:
        Its parts, None where it is no such URL.
    """
    try:
        parts = urlsplit(url)
        is_http = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        return None
    return parts if is_http else None


def checked_proxy(url: str) -> str:
    """A proxy's address, or none at all.

    Args:
        url: The setting.

    Returns:
        The same.

    Raises:
        ValueError: It is no http(s) URL; the message quotes no part of it.
    """
    if url and parts_of(url) is None:
        raise ValueError("must be an http(s) URL with a host, e.g. http://proxy:3128")
    return url


def is_near(host: str) -> bool:
    """Whether a host is this machine, or a name without dots: a container beside this one.

    Args:
        host: Its name or address.
    """
    return is_loopback(host) or ("." not in host and ":" not in host)
