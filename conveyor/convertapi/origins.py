"""Which addresses are ConvertAPI's: the one gate that every request passes.

An address may come from a record in Redis, from an answer or from a redirect, so it is data. Only
urllib3's parser decides what its host is, because urllib3 makes the connection. The address is then
written anew from what the parser found, so that no other parser can read another host out of it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from urllib3.exceptions import LocationParseError
from urllib3.util import Url, parse_url

from conveyor.domain import rules

__all__ = ["Address", "Gate", "Origin", "origin_of"]

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_MOST_CHARACTERS: Final = 8192
_MOST_HOSTS: Final = 64
# Neither dots nor escapes, so that writing it anew would change nothing.
_PLAIN_PATH: Final = re.compile(r"(?:/[A-Za-z0-9_-]+)+")
_USER: Final = re.compile(r"[^/?#]*//[^/?#]*@")


@dataclass(frozen=True, slots=True)
class Origin:
    """A scheme, a host and a port.

    Attributes:
        scheme: ``http`` or ``https``.
        host: In lower case.
        port: Also where the address leaves it out.
    """

    scheme: str
    host: str
    port: int

    @property
    def is_vendor(self) -> bool:
        """Whether it is a host of the vendor's, over TLS."""
        is_tls = self.scheme == "https" and self.port == _DEFAULT_PORTS["https"]
        return is_tls and self.host.endswith(rules.HOST_SUFFIX)


@dataclass(frozen=True, slots=True)
class Address:
    """What may be requested, read once.

    Attributes:
        url: The whole, written anew, without a fragment.
        origin: The host that it leads to.
        target: What is asked for there: its path and query.
    """

    url: str
    origin: Origin
    target: str


def origin_of(url: str) -> Origin | None:
    """The origin of an http or https address.

    Args:
        url: The address. Any text is taken.

    Returns:
        The origin. None where the text is no such address, holds a user name, or holds characters
        that an address can't have.
    """
    parts = _parsed(url)
    return None if parts is None else _origin(parts)


class Gate:
    """Distinguishes the service's URLs from all others.

    Args:
        base_url: The configured address, ``https://eu-v2.convertapi.com``.
    """

    def __init__(self, base_url: str) -> None:
        self._configured = origin_of(base_url)
        self._hosts: dict[str, Address | None] = {}

    def read(self, url: str) -> Address | None:
        """The address as it may be requested, with its parts: written anew, without a fragment.

        It is on the configured host, or on a host of the vendor's. These count over TLS alone, and
        only where the configured host uses TLS too: a sandbox on this machine never leads to the
        internet.

        Args:
            url: The address. Any text is taken.

        Returns:
            The address. None where it is not the service's.
        """
        parts = _parsed(url)
        if parts is None or not self._is_ours(origin := _origin(parts)):
            return None
        whole = Url(parts.scheme, None, parts.host, parts.port, parts.path, parts.query)
        return Address(whole.url, origin, whole.request_uri)

    def below(self, base_url: str, path: str) -> Address | None:
        """The address of a path on a host.

        Args:
            base_url: The host. Any text is taken.
            path: The path, with the slash that it begins with; empty where `base_url` is the whole.

        Returns:
            The address. None where it is not the service's.
        """
        if _PLAIN_PATH.fullmatch(path):
            host = self._host(base_url)
            # Behind a host alone a plain path stands as it is, so there is nothing to parse.
            if host is not None and host.target == "/" and not host.url.endswith("/"):
                return Address(f"{host.url}{path}", host.origin, path)
        return self.read(f"{base_url}{path}")

    def _host(self, base_url: str) -> Address | None:
        """Read a host's address. There are few of them, and they come with each request."""
        if "#" in base_url or len(base_url) > _MOST_CHARACTERS:
            return None
        try:
            return self._hosts[base_url]
        except KeyError:
            if len(self._hosts) >= _MOST_HOSTS:
                self._hosts.clear()
            found = self._hosts[base_url] = self.read(base_url)
            return found

    def _is_ours(self, origin: Origin) -> bool:
        configured = self._configured
        if configured is None:
            return False
        return origin == configured or (configured.scheme == "https" and origin.is_vendor)


def _parsed(url: str) -> Url | None:
    return None if len(url) > _MOST_CHARACTERS else _read(url)


@lru_cache(maxsize=256)
def _read(url: str) -> Url | None:
    """Read an address once: that of a result comes by when it is told, fetched and deleted."""
    if not url.isprintable() or "\\" in url or " " in url:
        return None
    try:
        parts = parse_url(url)
    except (LocationParseError, ValueError):
        return None
    if parts.scheme not in _DEFAULT_PORTS or not parts.host or _USER.match(url):
        return None
    return parts


def _origin(parts: Url) -> Origin:
    scheme = str(parts.scheme)
    return Origin(scheme, str(parts.host), parts.port or _DEFAULT_PORTS[scheme])
