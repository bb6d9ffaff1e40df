"""Answers as they should be, and answers broken on order."""

from __future__ import annotations

import asyncio
import json
from typing import Any, Final

import h11
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

__all__ = [
    "GATEWAY_STATUS",
    "ConnectionProtocol",
    "CutShort",
    "Dribbled",
    "Dropped",
    "Silent",
    "gateway_page",
    "json_response",
    "transport_of",
    "until_disconnected",
]

# What a proxy says when what lies behind it does not answer.
_GATEWAY_PAGE: Final = "<html><head><title>{0}</title></head><body><h1>{0}</h1></body></html>"
GATEWAY_STATUS: Final = {
    502: "502 Bad Gateway",
    503: "503 Service Temporarily Unavailable",
    504: "504 Gateway Time-out",
}


# How long the rest of a body may take whose answer is complete.
_REST_S: Final = 10.0


class ConnectionProtocol(H11Protocol):
    """HTTP/1.1 whose requests know their connection, so that an answer may cut it."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Note the connection where requests find it.

        Args:
            transport: The connection.
        """
        super().connection_made(transport)
        self.app_state = {**self.app_state, "transport": transport}

    def on_response_complete(self) -> None:
        """Wait for the rest of the body, but not for ever: each byte puts uvicorn's timer off."""
        super().on_response_complete()
        if self.conn.their_state is h11.SEND_BODY:
            self.loop.call_later(_REST_S, self._give_up, self.cycle)

    def _give_up(self, answered: RequestResponseCycle) -> None:
        if self.cycle is answered and self.conn.their_state is h11.SEND_BODY:
            self.transport.close()


def transport_of(scope: Scope) -> asyncio.Transport:
    """Return the connection of a request.

    Args:
        scope: The request's.
    """
    transport: asyncio.Transport = scope["state"]["transport"]
    return transport


def json_response(body: Any, status: int = 200) -> Response:
    """Return an answer in JSON.

    Args:
        body: What is said.
        status: The HTTP status.
    """
    return Response(json.dumps(body), status, media_type="application/json")


def gateway_page(status: int) -> Response:
    """Return what a proxy answers in the service's place.

    Args:
        status: 502, 503 or 504.
    """
    return Response(_GATEWAY_PAGE.format(GATEWAY_STATUS[status]), status, media_type="text/html")


async def until_disconnected(receive: Receive) -> None:
    """Wait until the connection is gone.

    Args:
        receive: The request's.
    """
    while (await receive())["type"] != "http.disconnect":
        pass


class Dropped(Response):
    """No answer: the connection closes."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - as ASGI has it
        """Cut the connection."""
        transport_of(scope).abort()
        await until_disconnected(receive)


class Silent(Response):
    """No answer: the connection stays open until the client goes."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - as ASGI has it
        """Wait."""
        await until_disconnected(receive)


class CutShort(Response):
    """An answer whose connection closes in the middle of the body it announced."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the head and half of the body, then close."""
        half = bytes(self.body[: len(self.body) // 2])
        await _start(self, send)
        await send({"type": "http.response.body", "body": half, "more_body": True})
        transport_of(scope).close()
        await until_disconnected(receive)


class Dribbled(Response):
    """An answer that comes byte by byte.

    Args:
        answer: What is answered.
        length_s: From the first byte of the body to the last.
    """

    def __init__(self, answer: Response, length_s: float) -> None:
        super().__init__(answer.body, answer.status_code)
        self.raw_headers = answer.raw_headers
        self._length_s = length_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - as ASGI has it
        """Send the head, then a byte at a time while the client listens."""
        body = bytes(self.body)
        pause = self._length_s / max(1, len(body))
        await _start(self, send)
        for position in range(len(body)):
            await asyncio.sleep(pause)
            if transport_of(scope).is_closing():
                return
            byte = body[position : position + 1]
            await send({"type": "http.response.body", "body": byte, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _start(answer: Response, send: Send) -> None:
    start = {"type": "http.response.start", "status": answer.status_code}
    await send({**start, "headers": answer.raw_headers})
