"""Submits on their way, so that polls which overtake them are seen."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

__all__ = ["SubmitAnswer", "Submits", "Ticket"]


@dataclass(frozen=True, eq=False)
class Ticket:
    """A POST that has not been answered.

    Args:
        job_id: The id that its client gave.
        connection: Over which it came.
    """

    job_id: str
    connection: asyncio.Transport


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
        ticket = Ticket(job_id, connection)
        self._waiting.append(ticket)
        return ticket

    def end(self, ticket: Ticket) -> None:
        """Note that a POST was answered.

        Args:
            ticket: From its `begin`.
        """
        self._waiting.remove(ticket)

    def are_waiting(self, job_id: str) -> bool:
        """Tell whether somebody waits for the answer to a POST with this id.

        Args:
            job_id: The id that its client gave.
        """
        return any(
            each.job_id == job_id and not each.connection.is_closing() for each in self._waiting
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
