"""Starting a conversion, in both dialects."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from convertapi_sandbox.addresses import Address, by_place
from convertapi_sandbox.config import Dialect
from convertapi_sandbox.converters.registry import canonical
from convertapi_sandbox.core import Core
from convertapi_sandbox.credentials import Right
from convertapi_sandbox.errors import invalid_parameters
from convertapi_sandbox.jobs import Job, is_job_id
from convertapi_sandbox.odd_results import ODD_RESULTS
from convertapi_sandbox.orders import Order
from convertapi_sandbox.parameters import Parameters, check, is_control
from convertapi_sandbox.request_body import body_pairs, query_pairs
from convertapi_sandbox.results import odd_response, outcome_response
from convertapi_sandbox.submits import SubmitAnswer
from convertapi_sandbox.values import Pair
from convertapi_sandbox.wire import Dropped, gateway_page, json_response, transport_of

__all__ = ["ConvertEndpoint"]

_ODD: Final = by_place(ODD_RESULTS)[Address.SUBMIT.value]
_ID_FORM: Final = {
    Dialect.QUERY: "The value must be a UUID as in RFC 4122.",
    Dialect.PATH: "The value must be 32 characters, a to z and 0 to 9.",
}


class ConvertEndpoint:
    """`POST /convert/{from}/to/{to}` and `POST /async/convert/{from}/to/{to}`.

    Args:
        core: The sandbox.
    """

    def __init__(self, core: Core) -> None:
        self._core = core

    def routes(self) -> list[Route]:
        """Return the addresses of the dialects that are spoken."""
        pair = "/convert/{source}/to/{target}"
        routes = [Route(pair, self.convert, methods=["POST"])]
        if Dialect.PATH in self._core.config.dialects:
            routes.append(Route(f"/async{pair}", self.convert_async, methods=["POST"]))
        return routes

    async def convert(self, request: Request) -> Response:
        """Convert and answer the result; with `Async=true`, answer a JobId."""
        speaks_query = Dialect.QUERY in self._core.config.dialects
        dialect = Dialect.QUERY if speaks_query else Dialect.PATH
        return await self._submit(request, dialect, asynchronous=None if speaks_query else False)

    async def convert_async(self, request: Request) -> Response:
        """Start a conversion and answer its JobId."""
        return await self._submit(request, Dialect.PATH, asynchronous=True)

    async def _submit(
        self, request: Request, dialect: Dialect, *, asynchronous: bool | None
    ) -> Response:
        core = self._core
        core.audit.count("submits")
        serve = partial(self._taken, request, dialect, asynchronous)
        job_id = _given_id(request)
        if job_id is None:
            return await core.road.carry(Address.SUBMIT, request, serve)
        core.audit.posted(job_id)
        ticket = core.submits.begin(job_id, transport_of(request.scope))
        try:
            answer = await core.road.carry(Address.SUBMIT, request, serve)
        except BaseException:
            core.submits.end(ticket)
            raise
        return SubmitAnswer(answer, core.submits, ticket)

    async def _taken(
        self, request: Request, dialect: Dialect, asynchronous: bool | None
    ) -> Response:
        order = await self._order(request, dialect)
        if self._core.faults.strikes("held_submit"):
            await asyncio.sleep(self._core.config.hold_s)
        job = self._core.conversions.take(order)
        waits = not (order.checked.asynchronous if asynchronous is None else asynchronous)
        return await self._answer(request, job, waits=waits)

    async def _order(self, request: Request, dialect: Dialect) -> Order:
        core = self._core
        core.account.authenticate(request, Right.CONVERT)
        source = canonical(request.path_params["source"])
        target = canonical(request.path_params["target"])
        converter = core.registry.find(source, target)
        checked = check(Parameters(await self._pairs(request)), converter)
        if checked.job_id is not None and not is_job_id(checked.job_id, dialect):
            raise invalid_parameters({"JobId": [_ID_FORM[dialect]]})
        return Order(
            dialect=dialect,
            converter=converter,
            source_format=source,
            target_format=target,
            checked=checked,
            base_url=core.base_url(request),
        )

    async def _pairs(self, request: Request) -> list[Pair]:
        body = await body_pairs(request, self._core.files)
        if not self._core.config.control_in_form:
            kept = [pair for pair in body if not is_control(pair[0])]
            self._core.audit.count("misplaced_parameters", len(body) - len(kept))
            body = kept
        return [*query_pairs(request), *body]

    async def _answer(self, request: Request, job: Job, *, waits: bool) -> Response:
        core = self._core
        if core.faults.strikes("lost_submit"):
            return Dropped()
        if core.faults.strikes("gateway_submit"):
            return gateway_page(502)
        odd = core.faults.drawn(_ODD)
        if odd is not None:
            outcome = await core.conversions.outcome(job)
            return odd_response(odd, outcome, request, core.road.elsewhere(request))
        if waits or core.config.ignore_async or core.faults.strikes("finished_submit"):
            return outcome_response(await core.conversions.outcome(job), request)
        return json_response({"JobId": job.id})


def _given_id(request: Request) -> str | None:
    given = (text for name, text in request.query_params.items() if name.lower() == "jobid")
    return next(given, None)
