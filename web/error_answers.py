"""Which problem each error is answered with: the library's errors, the framework's, and our own."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Match, Mount

from conveyor import (
    AcceptanceUnknown,
    BrokerUnavailable,
    ConversionDeleted,
    FileGone,
    InvalidRequest,
    LedgerUnavailable,
    LinkExpired,
    NewerEntry,
    StorageError,
    Unavailable,
    UnknownConversion,
    UnreadableConversion,
)
from web.problems import Kind, Problem, ProblemResponse, errors_of

__all__ = ["CLIENT_GONE", "install"]

# No client reads it, only the log. Proxies use the same number.
CLIENT_GONE: Final = 499
_READING: Final = ("GET", "HEAD")
_BY_STATUS: Final = {kind.status: kind for kind in Kind}

# What the library's own words say is for the operator: they name servers and settings.
_AWAY: Final[Mapping[type[Unavailable], str]] = {
    BrokerUnavailable: "The broker can't be reached",
    LedgerUnavailable: "Redis can't be reached",
    StorageError: "The storage can't be used",
}
# The library promises it of a conversion. A replay may have gone on its way all the same.
_ACCEPTING: Final = ("POST", "/conversions")
_UNKNOWN: Final = (
    "Redis failed while it accepted the conversion, so it may have been accepted. Repeat the "
    "request with the same Idempotency-Key, or check the list first."
)

log = structlog.get_logger("conveyor.web")


def install(app: FastAPI) -> None:
    """Have the app answer each kind of error with its problem."""
    app.add_exception_handler(Problem, _own)
    app.add_exception_handler(InvalidRequest, _invalid)
    app.add_exception_handler(UnknownConversion, _unknown)
    app.add_exception_handler(ConversionDeleted, _over)
    app.add_exception_handler(LinkExpired, _over)
    app.add_exception_handler(UnreadableConversion, _unreadable_entry)
    app.add_exception_handler(NewerEntry, _newer_entry)
    app.add_exception_handler(FileGone, _gone)
    app.add_exception_handler(Unavailable, _unavailable)
    app.add_exception_handler(RequestValidationError, _unreadable)
    app.add_exception_handler(HTTPException, _frameworks)
    app.add_exception_handler(ClientDisconnect, _client_gone)


async def _own(_: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)  # noqa: S101 - registered for this class alone
    return ProblemResponse(error.kind, error.detail, error.headers, error.errors)


async def _invalid(_: Request, error: Exception) -> Response:
    return ProblemResponse(Kind.INVALID_REQUEST, str(error))


async def _unknown(_: Request, error: Exception) -> Response:
    return ProblemResponse(Kind.NOT_FOUND, str(error))


async def _over(_: Request, error: Exception) -> Response:
    """It was there, and is not to come back."""
    return ProblemResponse(Kind.GONE, str(error))


async def _unreadable_entry(_: Request, error: Exception) -> Response:
    """One entry is damaged; the others are not."""
    log.error("unreadable_entry", error=str(error))
    return ProblemResponse(Kind.INTERNAL, str(error))


async def _newer_entry(_: Request, error: Exception) -> Response:
    """A web process of the later release can show it."""
    return ProblemResponse(Kind.UNAVAILABLE, str(error))


async def _gone(_: Request, error: Exception) -> Response:
    """Waiting does not bring a file back."""
    return ProblemResponse(Kind.NOT_FOUND, str(error))


async def _unavailable(request: Request, error: Exception) -> Response:
    log.warning("part_unavailable", error=str(error))
    if isinstance(error, AcceptanceUnknown):
        return ProblemResponse(Kind.UNAVAILABLE, _UNKNOWN)
    what = next((text for kind, text in _AWAY.items() if isinstance(error, kind)), "Not now")
    is_accepting = (request.method, request.scope["path"]) == _ACCEPTING
    outcome = ". Nothing was accepted" if is_accepting else ""
    return ProblemResponse(Kind.UNAVAILABLE, f"{what}{outcome}. Try again later.")


async def _unreadable(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for this class alone
    errors = errors_of(error.errors())
    fields = ", ".join(item["field"] for item in errors)
    return ProblemResponse(
        Kind.INVALID_REQUEST, f"Invalid fields: {fields}. See `errors`.", errors=errors
    )


async def _frameworks(request: Request, error: Exception) -> Response:
    """What the framework itself refuses: no such address, or not with this method."""
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this class alone
    kind = _BY_STATUS.get(error.status_code, Kind.INTERNAL)
    headers = dict(error.headers or {})
    if kind is Kind.NOT_FOUND:
        return ProblemResponse(kind, "There is nothing at this URL. See /docs for the API.")
    if kind is Kind.METHOD_NOT_ALLOWED:
        allowed = ", ".join(_allowed(request))
        return ProblemResponse(kind, f"This URL accepts only {allowed}.", {"Allow": allowed})
    return ProblemResponse(kind, HTTPStatus(error.status_code).phrase, headers)


async def _client_gone(_: Request, __: Exception) -> Response:
    return Response(status_code=CLIENT_GONE)


def _allowed(request: Request) -> list[str]:
    """The methods that an address takes; the framework names those of one route only."""
    methods = (*_READING, "POST", "PUT", "PATCH", "DELETE")
    return [method for method in methods if _is_served(request, method)]


def _is_served(request: Request, method: str) -> bool:
    # A folder of files has made itself the root.
    root = request.scope.get("app_root_path", request.scope.get("root_path", ""))
    scope = {**request.scope, "method": method, "root_path": root}
    return any(
        route.matches(scope)[0] is Match.FULL
        # A folder of files takes any method, and refuses it then.
        and (method in _READING or not isinstance(route, Mount))
        for route in request.app.router.routes
    )
