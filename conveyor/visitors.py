"""Whether a page of another site sent a request, judged by its headers.

A browser lets any page send to an address on loopback, and a name that points there makes it the
page's own (DNS rebinding). So a server without keys answers only to its own names, and no server
takes orders from another origin. Programs that are no browser send neither `Origin` nor
`Sec-Fetch-Site`, and are served as before.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final, Self
from urllib.parse import urlsplit

from conveyor.loopback import is_loopback

__all__ = ["Visit", "refusal_of"]

_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
_FOREIGN: Final = frozenset({"cross-site", "same-site"})
_HOST: Final = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::([0-9]{0,5}))?")
_PORTS: Final = {"http": "80", "https": "443"}


@dataclass(frozen=True, slots=True)
class Visit:
    """The headers that say who sent a request.

    Attributes:
        method: Its method.
        host: The header ``Host``; empty where there is none.
        origin: ``Origin``, None where there is none.
        site: ``Sec-Fetch-Site``; empty where there is none.
        is_link: Whether somebody has followed a link to it, or typed the address.
    """

    method: str
    host: str
    origin: str | None
    site: str
    is_link: bool

    @classmethod
    def of(cls, method: str, header: Callable[[str], str | None]) -> Self:
        """Read a head.

        Args:
            method: The request's.
            header: Finds a header by its name; several of one name come joined by commas.
        """
        mode, target = header("sec-fetch-mode"), header("sec-fetch-dest")
        return cls(
            method=method,
            host=header("host") or "",
            origin=header("origin"),
            site=(header("sec-fetch-site") or "").lower(),
            is_link=(method, mode, target) == ("GET", "navigate", "document"),
        )


def refusal_of(visit: Visit, names: Collection[str] | None) -> str:
    """Why a request is refused.

    Args:
        visit: The request.
        names: Host names beside loopback's that a server without keys answers to; None where keys
            are asked for, and any name will do.

    Returns:
        The reason, one sentence; empty where there is none.
    """
    if names is not None and not _is_own_host(visit.host, names):
        return "This server accepts requests only from this machine. Use 127.0.0.1 or localhost."
    if names is None and visit.method in _SAFE:
        return ""
    is_foreign = _is_foreign(visit) if names is None else _is_from_elsewhere(visit)
    return (
        ("A page of another site can't do this. Open Conveyor's own page, or send an API key.")
        if is_foreign
        else ""
    )


def _is_foreign(visit: Visit) -> bool:
    if visit.origin is not None:
        return not _is_same(visit.origin, visit.host)
    return visit.site in _FOREIGN and not visit.is_link


def _is_from_elsewhere(visit: Visit) -> bool:
    """Tell a foreign page, where this machine's own are welcome: you develop on another port."""
    if visit.origin is not None:
        return not (_is_near(visit.origin) or _is_same(visit.origin, visit.host))
    if visit.site == "same-site" and is_loopback(_split(visit.host)[0]):
        return False
    return visit.site in _FOREIGN and not visit.is_link


def _is_near(origin: str) -> bool:
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    name, _ = _split(parts.netloc)
    return parts.scheme in _PORTS and is_loopback(name)


def _is_own_host(host: str, names: Collection[str]) -> bool:
    name, _ = _split(host)
    return is_loopback(name) or name in {each.lower() for each in names}


def _is_same(origin: str, host: str) -> bool:
    """Whether an origin is the host that was asked; a proxy may have changed the scheme."""
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    if not host or parts.scheme not in _PORTS:
        return False
    if parts.netloc.lower() == host.lower():
        return True
    # 127.0.0.1 and localhost are one server where the port is one.
    (theirs, their_port), (ours, our_port) = _split(parts.netloc), _split(host)
    port = _PORTS[parts.scheme]
    return is_loopback(theirs) and is_loopback(ours) and (their_port or port) == (our_port or port)


def _split(host: str) -> tuple[str, str]:
    match = _HOST.fullmatch(host)
    return (match[1].lower(), match[2] or "") if match else ("", "")
