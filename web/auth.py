"""Who may ask: API keys, and no page of another site.

A browser lets any page post to an address on loopback, and a name that points there makes it the
page's own (DNS rebinding). So an unsafe method from another origin is refused, and, where no
key is asked for, so is a request that names another host.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from hashlib import sha256
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from config.web import ApiKey
from conveyor.loopback import is_loopback
from web.problems import Kind, ProblemResponse

__all__ = ["ApiKeys", "SameOrigin", "hash_of", "holder_of", "is_open"]

_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
# What anybody may see: the page asks for the key itself, and the description holds no secret.
_OPEN: Final = frozenset({"/", "/healthz", "/readyz", "/openapi.json", "/docs", "/problems"})
_OPEN_FOLDER: Final = "/static/"


def is_open(path: str) -> bool:
    """Whether an address needs no key."""
    return path in _OPEN or path.startswith(_OPEN_FOLDER)


def hash_of(key: str) -> str:
    """A key's hash, as the settings hold it."""
    return sha256(key.encode()).hexdigest()


def holder_of(authorization: str, keys: Sequence[ApiKey]) -> str | None:
    """The name of the key that a request shows.

    Args:
        authorization: Its header.
        keys: Those that are accepted. Each is compared, in the same time whether or not it fits.

    Returns:
        The name; None where there is no such key.
    """
    scheme, _, shown = authorization.partition(" ")
    if scheme.lower() != "bearer":
        return None
    digest = hash_of(shown.strip())
    fitting = [key.name for key in keys if hmac.compare_digest(key.sha256, digest)]
    return fitting[0] if fitting else None


class SameOrigin:
    """Refuses what a page of another site sends.

    Args:
        app: What lies behind.
        open_to_all: Whether no key is asked for: then the host must be loopback, too.
    """

    def __init__(self, app: ASGIApp, *, open_to_all: bool) -> None:
        self._app = app
        self._open_to_all = open_to_all

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] == "http":
            reason = self._reason_against(scope["method"], Headers(scope=scope))
            if reason:
                await ProblemResponse(Kind.FOREIGN_ORIGIN, reason)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _reason_against(self, method: str, headers: Headers) -> str:
        host = headers.get("host", "")
        if self._open_to_all and not is_loopback(_host_name(host)):
            return "Without API keys only this machine is served: ask for 127.0.0.1."
        origin = headers.get("origin")
        if method not in _SAFE and origin is not None and not _is_same(origin, host):
            return "A page of another site can't do this."
        return ""


class ApiKeys:
    """Asks for a key, where there are keys; the key's name becomes ``state["caller"]``.

    Without a key the caller is its address.

    Args:
        app: What lies behind.
        keys: Those that are accepted.
    """

    def __init__(self, app: ASGIApp, *, keys: Sequence[ApiKey]) -> None:
        self._app = app
        self._keys = keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http" or not self._keys or is_open(scope["path"]):
            await self._app(scope, receive, send)
            return
        holder = holder_of(Headers(scope=scope).get("authorization", ""), self._keys)
        if holder is None:
            await _NO_KEY(scope, receive, send)
            return
        scope.setdefault("state", {})["caller"] = holder
        await self._app(scope, receive, send)


_NO_KEY: Final = ProblemResponse(
    Kind.UNAUTHORIZED,
    "Send an API key: Authorization: Bearer KEY.",
    {"WWW-Authenticate": "Bearer"},
)


def _is_same(origin: str, host: str) -> bool:
    """Whether an origin is the host that was asked; a proxy may have changed the scheme."""
    try:
        return bool(host) and urlsplit(origin).netloc.lower() == host.lower()
    except ValueError:
        return False


def _host_name(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""
