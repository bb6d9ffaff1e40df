"""Polling and deleting a job, in both dialects."""

from __future__ import annotations

import time
from functools import partial
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from convertapi_sandbox.addresses import Address, by_place
from convertapi_sandbox.config import Dialect
from convertapi_sandbox.core import Core
from convertapi_sandbox.dribbles import Handwritten
from convertapi_sandbox.jobs import Job, Success, Turn
from convertapi_sandbox.odd_results import ODD_RESULTS
from convertapi_sandbox.results import odd_response, outcome_response, raw_response
from convertapi_sandbox.wire import Dribbled, Dropped, gateway_page

__all__ = ["JobsEndpoint", "PollAnswer"]

_ADDRESSES: Final = {Dialect.QUERY: "/job/{id}", Dialect.PATH: "/async/job/{id}"}
_REFUSALS: Final = {Turn.OVERLAPPING: "overlapping_polls", Turn.EARLY: "early_polls"}
_ODD: Final = by_place(ODD_RESULTS)[Address.POLL.value]


class JobsEndpoint:
    """`GET` and `DELETE` of `/job/{id}` and `/async/job/{id}`; the id is the credential.

    Args:
        core: The sandbox.
    """

    def __init__(self, core: Core) -> None:
        self._core = core

    def routes(self) -> list[Route]:
        """Return the addresses of the dialects that are spoken."""
        return [
            Route(address, partial(handler, dialect), methods=[method])
            for dialect, address in _ADDRESSES.items()
            if dialect in self._core.config.dialects
            for method, handler in (("GET", self.poll), ("DELETE", self.delete))
        ]

    async def poll(self, dialect: Dialect, request: Request) -> Response:
        """Answer a job's result, 202 while it runs, 503 to a poll out of turn."""
        core = self._core
        self._count_poll(request)
        job = core.jobs.find(request.path_params["id"], dialect)
        if job is None:
            return await core.road.carry(Address.POLL, request, self._unknown)
        if job.seen:
            core.audit.count("polls_after_result")
        turn = job.begin_poll(time.monotonic(), core.config.spacing_s)
        if turn is not Turn.GRANTED:
            return PollAnswer(self._refusal(turn), job, turn)
        answer = await core.road.carry(Address.POLL, request, partial(self._answer, job, request))
        return PollAnswer(answer, job, turn)

    async def delete(self, dialect: Dialect, request: Request) -> Response:
        """Forget a job, and stop it if it runs."""
        self._core.audit.count("deletes")
        serve = partial(self._forget, dialect, request)
        return await self._core.road.carry(Address.DELETE, request, serve)

    async def _forget(self, dialect: Dialect, request: Request) -> Response:
        core = self._core
        job = core.jobs.find(request.path_params["id"], dialect)
        if job is None:
            return Response("Job not found or already deleted.", 404, media_type="text/plain")
        core.jobs.remove(job)
        core.audit.count("deleted_jobs")
        if job.outcome is None and job.task is not None and job.task.cancel():
            core.audit.outcome("deleted")
        return Response(status_code=200)

    async def _unknown(self) -> Response:
        self._core.audit.count("unknown_polls")
        return Response("Job not found or expired.", 404, media_type="text/plain")

    def _count_poll(self, request: Request) -> None:
        audit = self._core.audit
        audit.count("polls")
        if "authorization" in request.headers:
            audit.count("polls_with_credentials")
        if self._core.submits.are_waiting(request.path_params["id"]):
            audit.count("polls_during_submit")

    def _refusal(self, turn: Turn) -> Response:
        self._core.audit.count(_REFUSALS[turn])
        return Response("No concurrent poll requests are allowed.", 503, media_type="text/plain")

    async def _answer(self, job: Job, request: Request) -> Response:
        faults = self._core.faults
        if faults.strikes("gateway_poll"):
            return gateway_page(502 if int(job.id[0], 36) % 2 else 504)
        answer = self._outcome(job, request)
        if faults.strikes("slow_answer"):
            return Dribbled(answer, self._core.config.slow_s)
        return answer

    def _outcome(self, job: Job, request: Request) -> Response:
        if job.outcome is None:
            return Response(status_code=202)
        faults = self._core.faults
        if faults.strikes("lost_poll"):
            return Dropped()
        if isinstance(job.outcome, Success):
            if faults.strikes("truncated_json"):
                return _halved(outcome_response(job.outcome, request))
            if job.outcome.files and faults.strikes("raw_result"):
                job.seen = True
                return raw_response(job.outcome.files[0])
        job.seen = True
        odd = faults.drawn(_ODD)
        if odd is not None:
            return odd_response(odd, job.outcome, request, self._core.road.elsewhere(request))
        return outcome_response(job.outcome, request)


class PollAnswer(Response):
    """An answer that ends its poll's turn once it is sent, or once nobody listens.

    Args:
        answer: What is answered.
        job: The job that was polled.
        turn: What became of the poll.
    """

    def __init__(self, answer: Response, job: Job, turn: Turn) -> None:
        super().__init__()
        self._answer = answer
        self._job = job
        self._turn = turn

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the answer, then end the turn, as of its last bytes: the client counts from them."""
        ended = time.monotonic()

        async def noted(message: Message) -> None:
            """Send a message, and note when its bytes went."""
            nonlocal ended
            # Before they go: they may have arrived long before we run again. An empty body is none.
            if message.get("body") != b"":
                ended = time.monotonic()
            await send(message)

        try:
            await self._answer(scope, receive, noted)
        finally:
            if isinstance(self._answer, Handwritten):
                ended = self._answer.written or ended
            self._job.end_poll(self._turn, ended)


def _halved(answer: Response) -> Response:
    half = bytes(answer.body[: len(answer.body) // 2])
    return Response(half, answer.status_code, media_type="application/json")
