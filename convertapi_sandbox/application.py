"""The sandbox as an ASGI application."""

from __future__ import annotations

from typing import Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from convertapi_sandbox.core import Core
from convertapi_sandbox.endpoints.control import CONTROL_PATHS, ControlEndpoint
from convertapi_sandbox.endpoints.convert import ConvertEndpoint
from convertapi_sandbox.endpoints.files import FilesEndpoint
from convertapi_sandbox.endpoints.jobs import JobsEndpoint
from convertapi_sandbox.endpoints.user import UserEndpoint
from convertapi_sandbox.errors import UNAUTHORIZED, ApiError
from convertapi_sandbox.replay import Replay
from convertapi_sandbox.results import error_response
from convertapi_sandbox.wire import Dropped

__all__ = ["Gate", "application"]

# The one 401 that is not about credentials: the balance is used up.
_BALANCE_CODE: Final = 4014


def application(core: Core) -> ASGIApp:
    """Return the application that serves a sandbox.

    Args:
        core: Its parts.
    """
    endpoints = (ConvertEndpoint, JobsEndpoint, FilesEndpoint, UserEndpoint, ControlEndpoint)

    async def refuse(_: Request, error: Exception) -> Response:
        """Answer with an error of the service, and count bad credentials."""
        if not isinstance(error, ApiError):
            raise error
        if error.status == UNAUTHORIZED and error.code != _BALANCE_CODE:
            core.audit.count("bad_credentials")
        return error_response(error)

    routes = [route for endpoint in endpoints for route in endpoint(core).routes()]
    app = Starlette(routes=routes, exception_handlers={ApiError: refuse})
    recording = core.config.recording
    return Gate(app if recording is None else Replay(app, recording), core)


class Gate:
    """Counts requests, and lets none through during an outage.

    Args:
        app: What lies behind.
        core: The sandbox.
    """

    def __init__(self, app: ASGIApp, core: Core) -> None:
        self._app = app
        self._core = core

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["path"] not in CONTROL_PATHS:
            self._core.audit.count("requests")
            if self._core.faults.strikes("outage"):
                await Dropped()(scope, receive, send)
                return
        await self._app(scope, receive, send)
