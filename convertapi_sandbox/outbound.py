"""Calls that the sandbox makes itself: to loopback and to hosts named by its owner only."""

from __future__ import annotations

import urllib.request
from http.client import HTTPMessage
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

from convertapi_sandbox.loopback import is_loopback

__all__ = ["Answer", "call", "is_reachable"]


class Answer(Protocol):
    """The part of urllib's response that is used here."""

    status: int
    headers: HTTPMessage

    def read(self, amount: int = ..., /) -> bytes:
        """Return the next bytes."""

    def close(self) -> None:
        """Let go of the connection."""


def is_reachable(url: str, hosts: frozenset[str]) -> bool:
    """Tell whether the sandbox may call a URL.

    Args:
        url: Any text.
        hosts: Names that are allowed beside loopback.
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return False
    if parts.scheme not in {"http", "https"} or not host:
        return False
    return host in hosts or is_loopback(host)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect could lead out of loopback: it is an answer like any other."""

    def redirect_request(self, *_: Any) -> None:
        """Follow nothing."""


_OPENER: Final = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect)


def call(url: str, *, timeout_s: float, json_body: bytes | None = None) -> Answer:
    """Send GET, or POST if there is a body.

    Args:
        url: One that `is_reachable`.
        timeout_s: Bound of each wait.
        json_body: The JSON to post.

    Raises:
        OSError: No connection, or a status of 300 and above.
    """
    headers = {"Content-Type": "application/json"} if json_body is not None else {}
    request = urllib.request.Request(url, data=json_body, headers=headers)  # noqa: S310 - checked
    answer: Answer = _OPENER.open(request, timeout=timeout_s)
    return answer
