"""Where a caller wants to be told of a conversion, and of what: his `callback`, checked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self
from urllib.parse import SplitResult, quote, urlsplit

from conveyor.domain.redaction import redact_url
from conveyor.errors import InvalidRequest

__all__ = ["CHANGES", "ENDS", "EVENTS", "Callback", "CallbackInput", "port_of", "written_port"]

ENDS: Final = "ends"
"""The receiver hears of the end: succeeded, failed, expired or cancelled."""

CHANGES: Final = "changes"
"""The receiver hears of every change of state."""

EVENTS: Final = (ENDS, CHANGES)

_MOST_CHARACTERS: Final = 2000
_PORTS: Final = {"https": 443, "http": 80}
_HOST: Final = re.compile(r"[a-z0-9_](?:[a-z0-9._-]*[a-z0-9_])?\.?|[0-9a-f:.]+")
_KEPT: Final = "!$&'(*)+,-./:;=?@_~%"
# Python's codec and browsers disagree about these: they would name different hosts.
_DEVIATES: Final = re.compile("[\xdf\u03c2\u200c\u200d]")
_ODD: Final = re.compile(r"[\x00-\x20\x7f\\]")


@dataclass(frozen=True, slots=True)
class Callback:
    """An address that Conveyor calls when a conversion changes.

    Attributes:
        url: The address, in the one form in which it is used: an ASCII host in lower case.
        events: ``ends`` for the end alone, ``changes`` for every change of state.

    Raises:
        InvalidRequest: The address can't be called, or the events are unknown.
    """

    url: str
    events: str = ENDS

    def __post_init__(self) -> None:
        if self.events not in EVENTS:
            raise InvalidRequest('The events of a callback must be "ends" or "changes".')
        object.__setattr__(self, "url", _normal(self.url))

    @classmethod
    def of(cls, value: CallbackInput) -> Callback:
        """Read one.

        Args:
            value: The address alone, or ``{"url": …, "events": …}``.

        Raises:
            InvalidRequest: It is none.
        """
        return value if isinstance(value, Callback) else _read(value)

    @property
    def receiver(self) -> str:
        """The host and port: notices of one receiver share its places."""
        parts = urlsplit(self.url)
        return f"{parts.hostname}:{port_of(parts)}"

    @property
    def redacted(self) -> str:
        """The address as it is shown: a path or a query may hold a secret."""
        return redact_url(self.url)

    @property
    def notify(self) -> str:
        """What ``transition.lua`` reads in an entry: the events, the receiver and the address."""
        return f"{self.events} {self.receiver} {self.url}"

    def plain(self) -> dict[str, str]:
        """Plain values: a message and an entry carry them."""
        return {"url": self.url, "events": self.events}

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Self:
        """Read what `plain` returned. What a later release has added is passed over.

        Args:
            plain: Plain values.

        Raises:
            InvalidRequest: They can't be right.
            TypeError: It is no object.
        """
        if not isinstance(plain, Mapping):
            raise TypeError("a callback is an object")
        return cls(plain.get("url", ""), plain.get("events", ENDS))


CallbackInput = str | Mapping[str, Any] | Callback
"""What `conveyor.Conveyor.convert` takes as ``callback``: an address, ``{"url": …, "events": …}``,
or a `Callback`."""


def _read(value: object) -> Callback:
    if isinstance(value, str):
        return Callback(value)
    if isinstance(value, Mapping) and {"url"} <= value.keys() <= {"url", "events"}:
        return Callback(value["url"], value.get("events", ENDS))
    raise InvalidRequest('Pass a URL as callback, or {"url": …, "events": "changes"}.')


def _normal(url: object) -> str:
    """The one form of an address, so that no two parsers can disagree about its host."""
    if not isinstance(url, str) or not url:
        raise InvalidRequest("The callback is empty. Pass the URL that Conveyor shall call.")
    if len(url) > _MOST_CHARACTERS or _ODD.search(url):
        raise InvalidRequest(
            "The callback's URL has a blank or a backslash, or more than "
            f"{_MOST_CHARACTERS:,} characters. Pass another one."
        )
    parts = _split(url)
    if parts.username is not None or parts.password is not None:
        raise InvalidRequest(
            "The callback's URL has credentials. Leave them out, and check the signature instead."
        )
    if parts.fragment or "#" in url:
        raise InvalidRequest("The callback's URL has a fragment. Leave it out.")
    host = _host_of(parts)
    path = quote(parts.path or "/", safe=_KEPT.replace("?", ""))
    query = f"?{quote(parts.query, safe=_KEPT)}" if parts.query else ""
    return f"{parts.scheme}://{host}{written_port(parts)}{path}{query}"


def port_of(parts: SplitResult) -> int:
    """Get the port to connect to.

    Args:
        parts: An address, ``http`` or ``https``.

    Returns:
        Its own port, or its scheme's.
    """
    return parts.port or _PORTS[parts.scheme]


def written_port(parts: SplitResult) -> str:
    """Write the port as an address has it behind its host.

    Args:
        parts: An address, ``http`` or ``https``.

    Returns:
        A colon and the port; nothing where it is the scheme's.
    """
    port = port_of(parts)
    return "" if port == _PORTS[parts.scheme] else f":{port}"


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        is_address = parts.scheme in _PORTS and parts.hostname and parts.port != 0
    except ValueError:
        is_address = False
    if not is_address:
        raise InvalidRequest(
            "The callback is not a URL. Pass one with a host, e.g. https://shop.example/hooks."
        )
    return parts


def _host_of(parts: SplitResult) -> str:
    host = parts.hostname or ""
    try:
        plain = "" if _DEVIATES.search(host) else host.encode("idna").decode()
    except UnicodeError:
        plain = ""
    if not _HOST.fullmatch(plain) or ".." in plain:
        raise InvalidRequest(
            "The callback's URL has a wrong host name. Write an international one as xn--…, and "
            "check the others for typos."
        )
    return f"[{plain}]" if ":" in plain else plain
