"""Serves the application: bound before it starts, ended in bounded time, quiet in the log."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Final

import uvicorn

from config.web import WebSettings
from conveyor import Conveyor
from web.app import make_app
from web.protocol import bounded_http
from web.serving import Server
from web.wiring import services_of

__all__ = ["WebServer", "make_server"]

# Downloads that are under way may end; an orchestrator kills after ten seconds.
_GRACE_S: Final = 5


class WebServer(Server):
    """A server that has its streams end when it's asked to.

    Args:
        config: uvicorn's.
        when_ready: Called once requests are accepted.
        when_closing: Called before the server waits for what is under way.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        when_ready: Callable[[], None],
        when_closing: Callable[[], None],
    ) -> None:
        super().__init__(config, when_ready)
        self._when_closing = when_closing

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End, streams first."""
        self._when_closing()
        await super().shutdown(sockets)


def make_server(
    settings: WebSettings, conveyor: Conveyor, when_ready: Callable[[], None]
) -> WebServer:
    """Put the server together.

    Args:
        settings: The process's settings.
        conveyor: The library; closed when the server ends.
        when_ready: Called once requests are accepted.
    """
    app = make_app(settings, conveyor)
    config = uvicorn.Config(
        app,
        http=bounded_http(settings.web_connections),
        ws="none",
        lifespan="on",
        # Ours is set up already. Their access log holds queries, and so job ids (invariant I5).
        log_config=None,
        access_log=False,
        server_header=False,
        # Addresses are relative, and keys tell callers apart: nothing is taken from a proxy.
        proxy_headers=False,
        timeout_graceful_shutdown=_GRACE_S,
    )
    return WebServer(config, when_ready, services_of(app).closing.set)
