"""The sandbox's own addresses, which the vendor does not have."""

from __future__ import annotations

import json
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from convertapi_sandbox.core import Core
from convertapi_sandbox.wire import json_response

__all__ = ["CONTROL_PATHS", "ControlEndpoint"]

# Neither counted nor struck by faults: tests look at the sandbox through these.
CONTROL_PATHS: Final = frozenset(
    {"/_audit", "/_charges", "/_faults", "/_credentials", "/_reset", "/_vanish", "/_health"}
)


class ControlEndpoint:
    """What a test orders and reads: faults, credentials, the audit.

    Args:
        core: The sandbox.
    """

    def __init__(self, core: Core) -> None:
        self._core = core

    def routes(self) -> list[Route]:
        """Return the addresses."""
        return [
            Route("/_audit", self.audit, methods=["GET"]),
            Route("/_charges", self.charges, methods=["GET"]),
            Route("/_faults", self.faults, methods=["POST"]),
            Route("/_credentials", self.credentials, methods=["POST"]),
            Route("/_vanish", self.vanish, methods=["POST"]),
            Route("/_reset", self.reset, methods=["POST"]),
            Route("/_health", self.health, methods=["GET"]),
        ]

    async def audit(self, _: Request) -> Response:
        """Report what the client did."""
        return json_response(self._core.audit.report())

    async def charges(self, _: Request) -> Response:
        """Report how often each conversion was charged, by its FileName."""
        return json_response(self._core.audit.charges)

    async def faults(self, request: Request) -> Response:
        """Put the faults of a JSON object, rate by name, in force instead of the present ones."""
        try:
            rates = dict(json.loads(await request.body()))
            self._core.faults.replace(rates)
        except (TypeError, ValueError) as error:
            return json_response({"error": str(error)}, 400)
        return json_response({"faults": rates})

    async def credentials(self, request: Request) -> Response:
        """Accept the credentials of a JSON object, by name, instead of the present ones.

        Those not named stay; `null` takes one away.
        """
        try:
            changes = dict(json.loads(await request.body()))
            self._core.account.change_credentials(changes)
        except (TypeError, ValueError) as error:
            return json_response({"error": str(error)}, 400)
        return json_response({"changed": sorted(changes)})

    async def vanish(self, request: Request) -> Response:
        """Remove the files of a JSON array of FileIds, so that the client finds them gone."""
        try:
            file_ids = [str(file_id) for file_id in json.loads(await request.body())]
        except (TypeError, ValueError) as error:
            return json_response({"error": str(error)}, 400)
        return json_response({"vanished": self._core.files.vanish(file_ids)})

    async def reset(self, _: Request) -> Response:
        """Forget jobs, files, charges and counts; faults stay in force."""
        self._core.reset()
        return json_response({"reset": True})

    async def health(self, _: Request) -> Response:
        """Answer."""
        return json_response({"healthy": True})
