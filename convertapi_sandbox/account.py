"""The account: who may call, and how many credits are left."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final

from starlette.requests import Request

from convertapi_sandbox.credentials import Credentials, Right, Verdict, looks_like_jwt
from convertapi_sandbox.errors import UNAUTHORIZED, ApiError

__all__ = ["Account", "DayCount"]


@dataclass(frozen=True)
class DayCount:
    """How many conversions a day had.

    Args:
        day: The day, UTC.
        conversions: How many were charged.
    """

    day: date
    conversions: int


@dataclass(frozen=True)
class _Given:
    """A request's credential, and the vendor's code where it is refused as unknown."""

    credential: str
    code: int


class Account:
    """One account.

    Args:
        credentials: What is accepted at the start.
        balance: Credits at the start; a conversion costs one.
        overage: Whether conversions go on when the balance is used up, and are billed later.
    """

    def __init__(self, credentials: Credentials, *, balance: int, overage: bool = False) -> None:
        self._credentials = credentials
        self._balance = balance
        self._overage = overage
        self._by_day: Counter[date] = Counter()

    def authenticate(self, request: Request, right: Right) -> None:
        """Check the credential of a request.

        Args:
            request: Bears it as `Authorization: Bearer`, or as `Secret` or `Token` in its query.
            right: What it asks for.

        Raises:
            ApiError: 4010 to 4013, with HTTP 401.
        """
        given = _given(request)
        verdict = self._credentials.judge(given.credential, right, time.time())
        if verdict is Verdict.REFUSED:
            raise ApiError(UNAUTHORIZED, *_REFUSALS[right])
        if verdict is Verdict.EXPIRED:
            raise ApiError(UNAUTHORIZED, 4012, "Invalid user credentials. The token has expired.")
        if verdict is Verdict.UNKNOWN:
            raise ApiError(UNAUTHORIZED, given.code, "Invalid user credentials.")

    def change_credentials(self, changes: Mapping[str, Any]) -> None:
        """Accept other credentials from now on.

        Args:
            changes: New ones by name; None takes one away.

        Raises:
            ValueError: A name is unknown, or a value is no credential.
        """
        self._credentials = self._credentials.changed(changes)

    def charge(self) -> None:
        """Take the price of one conversion.

        Raises:
            ApiError: 4014, nothing is left.
        """
        if not self._is_active():
            raise ApiError(UNAUTHORIZED, 4014, "The conversion balance reached zero.")
        self._by_day[datetime.now(UTC).date()] += 1

    def reset(self) -> None:
        """Give back all credits."""
        self._by_day.clear()

    def describe(self) -> dict[str, Any]:
        """Return what `GET /user` tells, the secret included."""
        return {
            "Secret": self._credentials.secret or "",
            "ApiKey": 1,
            "Active": self._is_active(),
            "FullName": "Sandbox",
            "Email": "sandbox@example.com",
            "ConversionsTotal": self._balance,
            "ConversionsConsumed": self._by_day.total(),
        }

    def statistic(self, start: date, end: date) -> list[DayCount]:
        """Return the conversions of each day that had any, in order.

        Args:
            start: The first day.
            end: The last day.
        """
        days = sorted(self._by_day.items())
        return [DayCount(day, count) for day, count in days if start <= day <= end]

    def _is_active(self) -> bool:
        return self._overage or self._by_day.total() < self._balance


# Code and text for a credential that is good, but not for what it asks for.
_REFUSALS: Final = {
    Right.CONVERT: (4011, "Invalid user credentials. Please provide a valid token."),
    Right.READ_ACCOUNT: (4010, "Invalid user credentials. Please provide a valid secret."),
}


def _given(request: Request) -> _Given:
    scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
    query = request.query_params
    if scheme.lower() == "bearer":
        return _Given(bearer.strip(), 4012 if looks_like_jwt(bearer) else 4011)
    if "Secret" in query:
        return _Given(query["Secret"], 4010)
    if "Token" in query:
        return _Given(query["Token"], 4011)
    raise ApiError(UNAUTHORIZED, 4013, "Missing credentials. Please provide a valid API token.")
