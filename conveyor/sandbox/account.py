"""The account: who may call, and how many credits are left."""

from __future__ import annotations

import hmac
from typing import Any

from starlette.requests import Request

from conveyor.sandbox.errors import UNAUTHORIZED, ApiError

#: Dots in a JSON Web Token: header, claims and signature.
JWT_DOTS = 2


class Account:
    """One account with one secret.

    Args:
        secret: Accepted as bearer, as `Secret` and as `Token`.
        balance: Credits at the start; a conversion costs one.
    """

    def __init__(self, *, secret: str, balance: int) -> None:
        self._secret = secret
        self._balance = balance
        self._consumed = 0

    def authenticate(self, request: Request) -> None:
        """Check the credential of a request.

        Raises:
            ApiError: 4010 to 4013, with HTTP 401.
        """
        scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
        query = request.query_params
        if scheme.lower() == "bearer":
            self._compare(bearer.strip(), _bearer_code(bearer))
        elif "Secret" in query:
            self._compare(query["Secret"], 4010)
        elif "Token" in query:
            self._compare(query["Token"], 4011)
        else:
            raise ApiError(
                UNAUTHORIZED, 4013, "User credentials not set, secret or token must be passed."
            )

    def charge(self) -> None:
        """Take the price of one conversion.

        Raises:
            ApiError: 4014, nothing is left.
        """
        if self._consumed >= self._balance:
            raise ApiError(UNAUTHORIZED, 4014, "The conversion balance reached zero.")
        self._consumed += 1

    def reset(self) -> None:
        """Give back all credits."""
        self._consumed = 0

    def describe(self) -> dict[str, Any]:
        """Return what `GET /user` tells, the secret included."""
        return {
            "Secret": self._secret,
            "ApiKey": 1,
            "Active": self._consumed < self._balance,
            "FullName": "Sandbox",
            "Email": "sandbox@example.com",
            "ConversionsTotal": self._balance,
            "ConversionsConsumed": self._consumed,
        }

    def _compare(self, given: str, code: int) -> None:
        if not hmac.compare_digest(given.encode(), self._secret.encode()):
            raise ApiError(UNAUTHORIZED, code, "Invalid user credentials.")


def _bearer_code(bearer: str) -> int:
    return 4012 if bearer.count(".") == JWT_DOTS else 4011
