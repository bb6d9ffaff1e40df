"""Submits on their way, so that polls which overtake them are seen."""

from __future__ import annotations

import asyncio

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

Ticket = tuple[str, asyncio.Transport]


class Submits:
    """JobIds whose POST has not been answered while its client still waits.

    A client that has given up may ask for its job: from then on its POST is not in flight, even
    if a gateway still holds it.
    """

    def __init__(self) -> None:
        self._waiting: list[Ticket] = []

    def begin(self, job_id: str, connection: asyncio.Transport) -> Ticket:
        """Note a POST; it needs its `end`.

        Args:
            job_id: The id that its client gave.
            connection: Over which it came.
        """
        ticket = (job_id, connection)
        self._waiting.append(ticket)
        return ticket

    def end(self, ticket: Ticket) -> None:
        """Note that a POST was answered."""
        self._waiting.remove(ticket)

    def are_waiting(self, job_id: str) -> bool:
        """Tell whether somebody waits for the answer to a POST with this id."""
        return any(
            known == job_id and not connection.is_closing() for known, connection in self._waiting
        )


class SubmitAnswer(Response):
    """An answer that ends its submit once it is sent, or once nobody listens.

    Args:
        answer: What is answered.
        submits: Where the submit is noted.
        ticket: From its `begin`.
    """

    def __init__(self, answer: Response, submits: Submits, ticket: Ticket) -> None:
        super().__init__()
        self._answer = answer
        self._submits = submits
        self._ticket = ticket

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the answer, then end the submit."""
        try:
            await self._answer(scope, receive, send)
        finally:
            self._submits.end(self._ticket)
