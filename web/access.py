"""One log line per request, and an answer to unexpected errors.

A line names the API key of the request. It holds the route, not the address: a query may hold a job
id, and a webhook's path its signature (invariant I5).
"""

from __future__ import annotations

import asyncio
import time
from typing import Any, Final

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from web.error_answers import CLIENT_GONE
from web.problems import Kind, ProblemResponse
from web.webhooks import TEMPLATE, is_webhook

__all__ = ["Access"]

_OTHER: Final = "-"
_NOBODY: Final = "-"
_NOT_FOUND: Final = Kind.NOT_FOUND.status
# As long as ids are; what is longer was never ours.
_MAX_ID: Final = 64

log = structlog.get_logger("conveyor.web")

_BROKEN: Final = ProblemResponse(
    Kind.INTERNAL, "This is a bug in Conveyor. Report it with the details in the server's log."
)
_ENDING: Final = ProblemResponse(
    Kind.UNAVAILABLE,
    "The server is shutting down. Try again. A conversion that you sent may have been accepted, "
    "so repeat it with the same Idempotency-Key.",
)


class Access:
    """Logs each answer of its app.

    Args:
        app: What lies behind.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and log how it went."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        status = 0

        async def watch(message: Message) -> None:
            """Note the answer's status, and pass it on."""
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watch)
        # An answer that has begun can only be cut off: the server does, as it is not ended.
        except Exception:
            log.exception("request_failed", route=_route(scope))
            if not status:
                await _BROKEN(scope, receive, watch)
        except asyncio.CancelledError:
            # The server has waited long enough, and ends. Nobody is left to tell of it.
            log.warning("request_cut_off", route=_route(scope))
            if not status:
                await _ENDING(scope, receive, watch)
        finally:
            _log(scope, status or CLIENT_GONE, time.perf_counter() - began)


def _log(scope: Scope, status: int, took_s: float) -> None:
    # Anybody can call a webhook's address by the thousand: that must not fill the disk.
    is_noise = status == _NOT_FOUND and is_webhook(scope["path"])
    fields: dict[str, Any] = {
        "method": scope["method"],
        "route": _route(scope),
        "status": status,
        "ms": round(took_s * 1000, 1),
        "key": _key_name(scope),
    }
    conversion_id = _conversion_id(scope)
    if conversion_id:
        fields["conversion_id"] = conversion_id[:_MAX_ID]
    (log.debug if is_noise else log.info)("request", **fields)


def _key_name(scope: Scope) -> str:
    """The name of the key that has asked, never the key."""
    return str(scope.get("state", {}).get("caller", _NOBODY))


def _route(scope: Scope) -> str:
    if is_webhook(scope["path"]):
        return TEMPLATE
    return str(getattr(scope.get("route"), "path", _OTHER))


def _conversion_id(scope: Scope) -> str:
    """By the address, or by what the endpoint has noted."""
    noted = scope.get("state", {}).get("conversion_id")
    return str(noted or scope.get("path_params", {}).get("conversion_id", ""))
