"""Another host, for clients that let themselves be sent there.

It is another port of the same sandbox. What arrives is counted, and answered like a portal;
only files are served, as a storage host would.
"""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from convertapi_sandbox.audit import Audit
from convertapi_sandbox.impostors import PORTAL

__all__ = ["Stranger", "elsewhere"]

_CREDENTIALS: Final = frozenset({"secret", "token", "apikey"})


def elsewhere(port: int, request: Request) -> str:
    """Return the other host's base URL.

    Args:
        port: Its port.
        request: Of a client that reaches it under the name by which it reaches the sandbox.
    """
    return str(request.url.replace(port=port, path="", query="")).rstrip("/")


class Stranger:
    """The sandbox, and beside it the other host.

    Args:
        app: The sandbox; it serves the other host's files.
        port: The other host's port.
        audit: Told of what arrives there.
    """

    def __init__(self, app: ASGIApp, *, port: int, audit: Audit) -> None:
        self._app = app
        self._port = port
        self._audit = audit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        is_astray = scope["server"][1] == self._port
        if is_astray:
            self._count(Request(scope))
        if is_astray and not _is_download(scope):
            await Response(PORTAL, media_type="text/html")(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _count(self, request: Request) -> None:
        self._audit.count("requests_astray")
        if _bears_credentials(request):
            self._audit.count("credentials_astray")


def _is_download(scope: Scope) -> bool:
    is_file: bool = scope["path"].startswith("/d/")
    return is_file and scope["method"] == "GET"


def _bears_credentials(request: Request) -> bool:
    named = {name.lower() for name in request.query_params}
    return "authorization" in request.headers or bool(named & _CREDENTIALS)
