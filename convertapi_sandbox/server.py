"""Serves a sandbox: as a process of its own, or in a thread of a test."""

from __future__ import annotations

import json
import socket
import threading
import urllib.request
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import Any, Final, Self

import uvicorn
from starlette.responses import PlainTextResponse

from convertapi_sandbox.application import application
from convertapi_sandbox.config import SandboxConfig
from convertapi_sandbox.core import assemble
from convertapi_sandbox.faults import check_rates
from convertapi_sandbox.serving import BACKLOG, Server, address_of, listen
from convertapi_sandbox.stranger import Stranger
from convertapi_sandbox.visitors import OwnVisitors
from convertapi_sandbox.wire import ConnectionProtocol

__all__ = ["SandboxServer", "run"]

_START_TIMEOUT_S: Final = 20
_STOP_TIMEOUT_S: Final = 20
_CONTROL_TIMEOUT_S: Final = 10


def run(
    config: SandboxConfig, listener: socket.socket, when_ready: Callable[[Server], None]
) -> None:
    """Serve until a signal or `should_exit` ends it.

    Args:
        config: How the sandbox behaves.
        listener: From `listen`.
        when_ready: Called once requests are accepted.
    """
    stranger = listen(config.host, 0)
    stranger_port = stranger.getsockname()[1]
    core = assemble(config, stranger_port=stranger_port)
    app = OwnVisitors(
        Stranger(application(core), port=stranger_port, audit=core.audit),
        names=config.names,
        refuse=_refused,
    )
    settings = uvicorn.Config(
        app,
        http=ConnectionProtocol,
        ws="none",
        lifespan="off",
        loop="asyncio",
        log_config=None,
        log_level="critical",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=BACKLOG,
        timeout_graceful_shutdown=1,
    )
    server = Server(settings, lambda: when_ready(server))
    try:
        server.run(sockets=[listener, stranger])
    finally:
        listener.close()
        stranger.close()
        core.close()


def _refused(reason: str) -> PlainTextResponse:
    return PlainTextResponse(f"{reason} --host-name allows another name.\n", 403)


class SandboxServer:
    """A sandbox in a thread of this process, as a context manager.

    Example:
        >>> with SandboxServer(SandboxConfig(spacing_s=0.2)) as sandbox:  # doctest: +SKIP
        ...     requests.get(f"{sandbox.url}/_health")

    Args:
        config: How it behaves; by default on a free port.
    """

    def __init__(self, config: SandboxConfig) -> None:
        self.config = config
        self._listener = listen(config.host, config.port)
        self._server: Server | None = None
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="sandbox", daemon=True)
        self.url = address_of(self._listener)

    def __enter__(self) -> Self:
        self._thread.start()
        if not self._ready.wait(_START_TIMEOUT_S):
            raise TimeoutError("the sandbox did not start")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._server is not None:
            self._server.should_exit = True
        self._thread.join(_STOP_TIMEOUT_S)

    @property
    def secret(self) -> str:
        """The account's secret, as it was at the start."""
        return self.config.secret

    def audit(self) -> dict[str, Any]:
        """Return what the client did, see `convertapi_sandbox.audit`."""
        return self._control("GET", "/_audit")

    def set_faults(self, faults: Mapping[str, float]) -> None:
        """Put other faults in force.

        Args:
            faults: Rate from 0 to 1 by name, see `convertapi_sandbox.faults`.

        Raises:
            ValueError: A name is unknown, or a rate is not within 0 and 1.
        """
        check_rates(faults)
        self._control("POST", "/_faults", dict(faults))

    def set_credentials(self, **changes: str | None) -> None:
        """Accept other credentials from now on.

        Args:
            changes: By the names of `SandboxConfig`: `secret`, `token`, `master_token`,
                `jwt_kid`, `jwt_key`. None takes one away; those not named stay.
        """
        self._control("POST", "/_credentials", changes)

    def vanish(self, file_ids: Iterable[str]) -> None:
        """Remove files, so that the client finds its FileIds gone.

        Args:
            file_ids: Their FileIds.
        """
        self._control("POST", "/_vanish", list(file_ids))

    def reset(self) -> None:
        """Forget jobs, files, charges and counts."""
        self._control("POST", "/_reset", {})

    def _serve(self) -> None:
        run(self.config, self._listener, self._started)

    def _started(self, server: Server) -> None:
        self._server = server
        self._ready.set()

    def _control(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data, method=method)  # noqa: S310 - its own
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=_CONTROL_TIMEOUT_S) as answer:
            reply: dict[str, Any] = json.load(answer)
        return reply
