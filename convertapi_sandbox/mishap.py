"""What a fault of the road is: something else answers, and the service never sees the request."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response

from convertapi_sandbox.addresses import Family

__all__ = ["Answer", "Mishap", "Struck", "always", "plain"]


@dataclass(frozen=True, kw_only=True)
class Struck:
    """A request that meets a fault.

    Args:
        request: As it came.
        elsewhere: Base URL of a host that is not the sandbox's, without a slash at the end.
        retry_after_s: What a `Retry-After` asks for.
    """

    request: Request
    elsewhere: str
    retry_after_s: int


Answer = Callable[[Struck], Response]


@dataclass(frozen=True, kw_only=True)
class Mishap(Family):
    """A request that the service never sees: something else answers.

    Args:
        answer: Makes the answer.
        throttles: Whether it is the service's own throttle.
    """

    answer: Answer
    throttles: bool = False


def always(make: Callable[[], Response]) -> Answer:
    """Make an answer that is the same whatever request meets the fault.

    Args:
        make: Makes the answer.
    """
    return lambda _: make()


def plain(status: int) -> Response:
    """Answer a status by its phrase, in plain text.

    Args:
        status: The HTTP status.
    """
    return Response(HTTPStatus(status).phrase, status, media_type="text/plain")
