"""The account, and the sandbox's own addresses, which the vendor does not have."""

from __future__ import annotations

import json
from functools import partial

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from conveyor.sandbox.addresses import Address
from conveyor.sandbox.core import Core
from conveyor.sandbox.wire import json_response

#: Neither counted nor struck by faults: tests look at the sandbox through these.
CONTROL_PATHS = frozenset({"/_audit", "/_faults", "/_reset", "/_health"})


class ControlEndpoint:
    """`GET /user`, `GET /_audit`, `POST /_faults`, `POST /_reset`, `GET /_health`.

    Args:
        core: The sandbox.
    """

    def __init__(self, core: Core) -> None:
        self._core = core

    def routes(self) -> list[Route]:
        """Return the addresses."""
        return [
            Route("/user", self.user, methods=["GET"]),
            Route("/_audit", self.audit, methods=["GET"]),
            Route("/_faults", self.faults, methods=["POST"]),
            Route("/_reset", self.reset, methods=["POST"]),
            Route("/_health", self.health, methods=["GET"]),
        ]

    async def user(self, request: Request) -> Response:
        """Describe the account."""
        return await self._core.road.carry(Address.USER, request, partial(self._described, request))

    async def _described(self, request: Request) -> Response:
        self._core.account.authenticate(request)
        return json_response(self._core.account.describe())

    async def audit(self, _: Request) -> Response:
        """Report what the client did."""
        return json_response(self._core.audit.report())

    async def faults(self, request: Request) -> Response:
        """Put the faults of a JSON object, rate by name, in force instead of the present ones."""
        try:
            rates = dict(json.loads(await request.body()))
            self._core.faults.replace(rates)
        except (TypeError, ValueError) as error:
            return json_response({"error": str(error)}, 400)
        return json_response({"faults": rates})

    async def reset(self, _: Request) -> Response:
        """Forget jobs, files, charges and counts; faults stay in force."""
        self._core.reset()
        return json_response({"reset": True})

    async def health(self, _: Request) -> Response:
        """Answer."""
        return json_response({"healthy": True})
