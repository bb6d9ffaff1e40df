"""Limits: requests per caller, and fields per query."""

from __future__ import annotations

import math
import time
from typing import Final

from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import FixedWindowRateLimiter
from starlette.types import ASGIApp, Receive, Scope, Send

from web.auth import is_open
from web.problems import Kind, ProblemResponse

__all__ = ["Rate", "ShortQuery"]

_NOBODY: Final = "-"  # a unix socket's peer has no address


# The endpoints know five.
_MOST_FIELDS: Final = 32
_LONG_QUERY: Final = ProblemResponse(
    Kind.INVALID_REQUEST, f"The query has more than {_MOST_FIELDS} fields. Send fewer."
)


class ShortQuery:
    """Refuses a query with too many fields before it is decoded.

    Args:
        app: What lies behind.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        is_long = scope["type"] == "http" and scope["query_string"].count(b"&") >= _MOST_FIELDS
        await (_LONG_QUERY if is_long else self._app)(scope, receive, send)


class Rate:
    """Refuses a caller with too many requests, counted in this process's memory.

    Args:
        app: What lies behind.
        per_minute: How often; 0 for no limit.
    """

    def __init__(self, app: ASGIApp, *, per_minute: int) -> None:
        self._app = app
        self._limit = RateLimitItemPerMinute(per_minute) if per_minute else None
        self._limiter = FixedWindowRateLimiter(MemoryStorage())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        wait_s = 0
        if scope["type"] == "http" and not is_open(scope["path"]):
            wait_s = await self._wait_s(_caller(scope))
        if wait_s:
            detail = f"Too many requests. Try again in {wait_s} s."
            headers = {"Retry-After": str(wait_s)}
            refusal = ProblemResponse(Kind.TOO_MANY_REQUESTS, detail, headers)
            await refusal(scope, receive, send)
            return
        await self._app(scope, receive, send)

    async def _wait_s(self, caller: str) -> int:
        """Count a request; 0 when it may pass, else whole seconds until the next may."""
        if self._limit is None or await self._limiter.hit(self._limit, caller):
            return 0
        window = await self._limiter.get_window_stats(self._limit, caller)
        return max(math.ceil(window.reset_time - time.time()), 1)


def _caller(scope: Scope) -> str:
    """The key's name, or the address."""
    name = scope.get("state", {}).get("caller")
    address, _port = scope.get("client") or (_NOBODY, 0)
    return f"key {name}" if name else str(address)
