"""Refuses what a page of another site has sent.

A browser lets any page send to an address on loopback, and a name that points there makes it the
page's own (DNS rebinding). So the sandbox answers to its own names alone, and takes no orders from
another site's page. Pages of this machine are welcome, since you develop on another port. Programs
that are no browser send neither `Origin` nor `Sec-Fetch-Site`, and notice nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from convertapi_sandbox.loopback import is_loopback

__all__ = ["OwnVisitors", "refusal_of"]

_HOST: Final = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::[0-9]{0,5})?")
_SCHEMES: Final = frozenset({"http", "https"})


class OwnVisitors:
    """Passes on what this machine and programs send, and refuses the rest.

    Args:
        app: What lies behind.
        names: Host names beside loopback's that the sandbox answers to.
        refuse: Makes the answer of a reason.
    """

    def __init__(
        self, app: ASGIApp, *, names: Collection[str], refuse: Callable[[str], ASGIApp]
    ) -> None:
        self._app = app
        self._names = names
        self._refuse = refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        reason = ""
        if scope["type"] == "http":
            reason = refusal_of(scope["method"], Headers(scope=scope), self._names)
        app = self._refuse(reason) if reason else self._app
        await app(scope, receive, send)


def refusal_of(method: str, headers: Headers, names: Collection[str]) -> str:
    """Why a request is refused.

    Args:
        method: The request's.
        headers: The request's.
        names: Host names beside loopback's that the sandbox answers to.

    Returns:
        The reason, one sentence; empty where there is none.
    """
    host = _joined(headers, "host")
    if not _is_own(_name_in(host), names):
        return "Only this machine is served here: ask for 127.0.0.1 or localhost."
    if _is_from_elsewhere(method, headers, host):
        return "A page of another site can't do this."
    return ""


def _is_own(name: str, names: Collection[str]) -> bool:
    return is_loopback(name) or name in {each.lower() for each in names}


def _is_from_elsewhere(method: str, headers: Headers, host: str) -> bool:
    if "origin" in headers:
        return not _is_near(_joined(headers, "origin"), host)
    site = _joined(headers, "sec-fetch-site").lower()
    if site == "same-site":
        return not (is_loopback(_name_in(host)) or _is_link(method, headers))
    return site == "cross-site" and not _is_link(method, headers)


def _is_near(origin: str, host: str) -> bool:
    """Whether an origin is of this machine, or the very host that was asked."""
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    name = _name_in(parts.netloc)
    is_same = bool(name) and parts.netloc.lower() == host.lower()
    return parts.scheme in _SCHEMES and (is_loopback(name) or is_same)


def _is_link(method: str, headers: Headers) -> bool:
    """Whether somebody has followed a link, or typed the address."""
    mode, target = _joined(headers, "sec-fetch-mode"), _joined(headers, "sec-fetch-dest")
    return (method, mode, target) == ("GET", "navigate", "document")


def _joined(headers: Headers, name: str) -> str:
    """A header; several of one name joined, so that none of them hides another."""
    return ",".join(headers.getlist(name))


def _name_in(host: str) -> str:
    match = _HOST.fullmatch(host)
    return match[1].lower() if match else ""
