"""What the account's owner may read."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from datetime import UTC, date, datetime
from functools import partial
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from convertapi_sandbox.addresses import Address
from convertapi_sandbox.core import Core
from convertapi_sandbox.credentials import Right
from convertapi_sandbox.errors import invalid_parameters
from convertapi_sandbox.wire import json_response

__all__ = ["UserEndpoint"]

_COLUMNS: Final = ("Date", "Conversions")


class UserEndpoint:
    """`GET /user` and `GET /user/statistic`.

    Args:
        core: The sandbox.
    """

    def __init__(self, core: Core) -> None:
        self._core = core

    def routes(self) -> list[Route]:
        """Return the addresses."""
        return [
            Route("/user", self.user, methods=["GET"]),
            Route("/user/statistic", self.statistic, methods=["GET"]),
        ]

    async def user(self, request: Request) -> Response:
        """Describe the account."""
        return await self._core.road.carry(Address.USER, request, partial(self._describe, request))

    async def statistic(self, request: Request) -> Response:
        """Tell the conversions of each day from `startDate` to `endDate`, as JSON or CSV."""
        return await self._core.road.carry(Address.USER, request, partial(self._count, request))

    async def _describe(self, request: Request) -> Response:
        self._core.account.authenticate(request, Right.READ_ACCOUNT)
        return json_response(self._core.account.describe())

    async def _count(self, request: Request) -> Response:
        self._core.account.authenticate(request, Right.READ_ACCOUNT)
        start = _day(request, "startDate", date.min)
        end = _day(request, "endDate", datetime.now(UTC).date())
        days = self._core.account.statistic(start, end)
        rows = [(each.day.isoformat(), each.conversions) for each in days]
        if "text/csv" in request.headers.get("accept", ""):
            return Response(_csv(rows), media_type="text/csv")
        return json_response([dict(zip(_COLUMNS, row, strict=True)) for row in rows])


def _day(request: Request, name: str, default: date) -> date:
    text = request.query_params.get(name)
    if text is None:
        return default
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise invalid_parameters({name: ["The value must be a date such as 2024-01-31."]}) from None


def _csv(rows: Iterable[tuple[str, int]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows([_COLUMNS, *rows])
    return text.getvalue()
