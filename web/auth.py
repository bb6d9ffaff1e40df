"""Access: a request needs an API key, if keys are set."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from hashlib import sha256
from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from config.web import ApiKey
from conveyor.links import LINKS
from web.problems import Kind, ProblemResponse

__all__ = ["ApiKeys", "hash_of", "holder_of", "is_link", "is_open"]

# What anybody may see: the pages ask for the key themselves, and the description holds no secret.
_OPEN: Final = frozenset(
    {"/", "/operate", "/healthz", "/readyz", "/openapi.json", "/docs", "/problems"}
)
_OPEN_FOLDER: Final = "/static/"
_NO_KEY: Final = ProblemResponse(
    Kind.UNAUTHORIZED,
    "Send an API key: Authorization: Bearer KEY.",
    {"WWW-Authenticate": "Bearer"},
)


def is_open(path: str) -> bool:
    """Whether a path needs no API key."""
    return path in _OPEN or path.startswith(_OPEN_FOLDER)


def is_link(path: str) -> bool:
    """Whether a path belongs to links: its own signature is checked instead of an API key."""
    return path.startswith(LINKS)


def hash_of(key: str) -> str:
    """A key's hash, as the settings hold it."""
    return sha256(key.encode()).hexdigest()


def holder_of(authorization: str, keys: Sequence[ApiKey]) -> str | None:
    """The name of a request's API key.

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


class ApiKeys:
    """Requires an API key, if keys are set. The key's name becomes ``state["caller"]``.

    It is noted for what needs no key, too. Without a key the caller is its address.

    Args:
        app: What lies behind.
        keys: Those that are accepted.
    """

    def __init__(self, app: ASGIApp, *, keys: Sequence[ApiKey]) -> None:
        self._app = app
        self._keys = keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http" or not self._keys:
            await self._app(scope, receive, send)
            return
        holder = holder_of(Headers(scope=scope).get("authorization", ""), self._keys)
        if holder is not None:
            scope.setdefault("state", {})["caller"] = holder
        elif not is_open(scope["path"]) and not is_link(scope["path"]):
            await _NO_KEY(scope, receive, send)
            return
        await self._app(scope, receive, send)
