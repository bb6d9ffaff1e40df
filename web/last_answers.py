"""Last answers: where a body was not waited for, the client is told that its connection ends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["BODY", "Body", "LastAnswers"]

BODY: Final = "incoming_body"
"""Where a request's state says what has come of its body."""


@dataclass(slots=True)
class Body:
    """The body of one request.

    Attributes:
        is_whole: Whether all of it has come.
    """

    is_whole: bool = False


class LastAnswers:
    """Tells the client that an answer is the last, where its body was not waited for.

    Args:
        app: What answers.
    """

    def __init__(self, app: Any) -> None:
        self._app: ASGIApp = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        body: Body | None = scope.get("state", {}).get(BODY)

        async def watched(message: Message) -> None:
            """Pass the answer on, and say in its head whether it is the last."""
            if message["type"] == "http.response.start" and body and not body.is_whole:
                MutableHeaders(scope=message)["Connection"] = "close"
            await send(message)

        await self._app(scope, receive, watched)
