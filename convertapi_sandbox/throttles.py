"""Faults that ask the client to wait: throttles, and statuses with `Retry-After` in every form."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from email.utils import formatdate
from functools import partial
from time import time
from typing import Final

from starlette.responses import Response

from convertapi_sandbox.mishap import Answer, Mishap, Struck, always, plain
from convertapi_sandbox.wire import json_response

__all__ = ["throttles"]

# Said by gateways and proxies that hold, limit or repeat requests.
_WAIT_STATUSES: Final = (408, 409, 423, 425, 429, 503)
# Of these, those that may be said although the request went through.
_UNCLEAR_STATUSES: Final = frozenset({408, 409, 503})
_OVERLOADED: Final = {"Code": 503, "Message": "The service is overloaded. Please try again later."}
# Name → value of a `Retry-After` that no client should follow to the letter.
_ODD_RETRIES: Final[Mapping[str, str]] = {
    "huge": "999999999",
    "negative": "-1",
    "garbage": "in a while",
}


def throttles() -> Iterator[Mishap]:
    """Make the faults that ask the client to wait."""
    overloaded = partial(json_response, _OVERLOADED, 503)
    yield Mishap(
        name="throttle",
        meaning="the service's throttle, 503 with `Code`",
        answer=always(overloaded),
        throttles=True,
    )
    yield Mishap(
        name="throttle_retry_after",
        meaning="the service's throttle with `Retry-After` in seconds",
        answer=partial(_retrying, overloaded, _as_number),
        throttles=True,
    )
    for status in _WAIT_STATUSES:
        yield from _waits_with(status)
    for kind, value in _ODD_RETRIES.items():
        yield Mishap(
            name=f"retry_{kind}_429",
            meaning=f"429 with `Retry-After: {value}`",
            answer=partial(_retrying, partial(plain, 429), _saying(value)),
        )


def _waits_with(status: int) -> Iterator[Mishap]:
    answer = partial(plain, status)
    kinds: Mapping[str, tuple[str, Answer]] = {
        "status": ("without `Retry-After`", always(answer)),
        "retry_after": ("with `Retry-After` in seconds", partial(_retrying, answer, _as_number)),
        "retry_date": ("with `Retry-After` as a date", partial(_retrying, answer, _as_date)),
    }
    for name, (words, answering) in kinds.items():
        yield Mishap(
            name=f"{name}_{status}",
            meaning=f"{status} {words}, without `Code`",
            answer=answering,
            after=status in _UNCLEAR_STATUSES,
        )


def _saying(value: str) -> Callable[[Struck], str]:
    return lambda _: value


def _retrying(
    make: Callable[[], Response], after: Callable[[Struck], str], struck: Struck
) -> Response:
    answer = make()
    answer.headers["Retry-After"] = after(struck)
    return answer


def _as_number(struck: Struck) -> str:
    return str(struck.retry_after_s)


def _as_date(struck: Struck) -> str:
    # A date says whole seconds: one more, so that it never asks for less than the seconds do.
    return formatdate(time() + struck.retry_after_s + 1, usegmt=True)
