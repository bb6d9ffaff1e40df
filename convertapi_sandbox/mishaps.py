"""What may happen on the road between a client and the service, as one table.

Each row is a family of faults: its name with an address makes a fault, such as
`status_429_upload`. Nothing here knows a conversion: a row makes an answer, or spoils one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from email.utils import formatdate
from functools import partial
from http import HTTPStatus
from time import time

from starlette.requests import Request
from starlette.responses import Response

from convertapi_sandbox.addresses import Address, Family
from convertapi_sandbox.dribbles import EndlessContinue, SlowChunk, SlowHead, SlowTrailers
from convertapi_sandbox.errors import UNAUTHORIZED
from convertapi_sandbox.wire import (
    GATEWAY_STATUS,
    Dribbled,
    Dropped,
    Silent,
    gateway_page,
    json_response,
)


@dataclass(frozen=True, kw_only=True)
class Struck:
    """A request that meets a fault.

    Args:
        request: As it came.
        elsewhere: Base URL of a host that is not the sandbox's, without a slash at the end.
        retry_after_seconds: What a `Retry-After` asks for.
    """

    request: Request
    elsewhere: str
    retry_after_seconds: int


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


@dataclass(frozen=True, kw_only=True)
class Dribble(Family):
    """A true answer that takes its time; the request has been served.

    Args:
        spoil: Makes the slow answer from the true one and the seconds that it takes.
    """

    spoil: Callable[[Response, float], Response]


#: Said by gateways and proxies that hold, limit or repeat requests.
WAIT_STATUSES = (408, 409, 423, 425, 429, 503)
#: Of these, those that may be said although the request went through.
UNCLEAR_STATUSES = frozenset({408, 409, 503})
REDIRECTS = (301, 302, 303, 307, 308)

OVERLOADED = {"Code": 503, "Message": "The service is overloaded. Please try again later."}
INACTIVE = {"Code": 4015, "Message": "User inactive."}
PORTAL = "<html><head><title>Sign in</title></head><body>Sign in to go on.</body></html>"
XHTML_PORTAL = (
    '<?xml version="1.0" encoding="UTF-8"?><html xmlns="http://www.w3.org/1999/xhtml">'
    "<head><title>Sign in</title></head><body><p>Sign in to go on.</p></body></html>"
)
#: Name → content type and text of a page that stands in the way with status 200.
PORTALS: Mapping[str, tuple[str, str]] = {
    "html": ("text/html", PORTAL),
    "xhtml": ("application/xhtml+xml", XHTML_PORTAL),
    "text": ("text/plain", "Access denied by proxy"),
    "text_json": ("text/json", PORTAL),
    "json": ("application/json", PORTAL),
    "octets": ("application/octet-stream", PORTAL),
}
#: Name → meaning and body of a 200 in JSON that says nothing.
JUNK: Mapping[str, tuple[str, str]] = {
    "null_json": ("200 with `null`", "null"),
    "cut_json": ("200 with JSON that is cut", '{"JobId": "0'),
    "deep_json": ("200 with JSON 100,000 levels deep", "[" * 100_000 + "]" * 100_000),
    "empty_body": ("200 in JSON without a body", ""),
}
#: Name → value of a `Retry-After` that no client should follow to the letter.
ODD_RETRIES: Mapping[str, str] = {
    "huge": "999999999",
    "negative": "-1",
    "garbage": "in a while",
}
#: Name → what is odd about an error's text, and the text.
ERROR_TEXTS: Mapping[str, tuple[str, str]] = {
    "surrogate_error": ("holds a lone surrogate", "It was cut here: \ud83d"),
    "huge_error": ("is 100 KB long", "Too much. " * 10_240),
    "bad_url_error": ("holds a URL that parsers refuse", 'It ended at "http://[x".'),
}


def _waits() -> Iterator[Mishap]:
    overloaded = partial(json_response, OVERLOADED, 503)
    yield Mishap(
        name="throttle",
        meaning="the service's throttle, 503 with `Code`",
        answer=_fixed(overloaded),
        throttles=True,
    )
    yield Mishap(
        name="throttle_retry_after",
        meaning="the service's throttle with `Retry-After` in seconds",
        answer=partial(_retrying, overloaded, _seconds),
        throttles=True,
    )
    for status in WAIT_STATUSES:
        yield from _waits_with(status)
    for kind, value in ODD_RETRIES.items():
        yield Mishap(
            name=f"retry_{kind}_429",
            meaning=f"429 with `Retry-After: {value}`",
            answer=partial(_retrying, partial(_plain, 429), _always(value)),
        )


def _waits_with(status: int) -> Iterator[Mishap]:
    plain = partial(_plain, status)
    kinds: Mapping[str, tuple[str, Answer]] = {
        "status": ("without `Retry-After`", _fixed(plain)),
        "retry_after": ("with `Retry-After` in seconds", partial(_retrying, plain, _seconds)),
        "retry_date": ("with `Retry-After` as a date", partial(_retrying, plain, _date)),
    }
    for name, (words, answer) in kinds.items():
        yield Mishap(
            name=f"{name}_{status}",
            meaning=f"{status} {words}, without `Code`",
            answer=answer,
            after=status in UNCLEAR_STATUSES,
        )


def _refusals() -> Iterator[Mishap]:
    for status in (401, 402, 403):
        yield Mishap(
            name=f"bare_{status}",
            meaning=f"{status} without a body",
            answer=_fixed(partial(_bare, status)),
        )
        yield Mishap(
            name=f"refused_{status}",
            meaning=f"{status} with Code 4015",
            answer=_fixed(partial(json_response, INACTIVE, status)),
        )
    for status in (500, 502, 503, 504):
        yield Mishap(
            name=f"message_only_{status}",
            meaning=f"{status} with a `Message` and no `Code`",
            answer=_fixed(partial(json_response, {"Message": "An error has occurred."}, status)),
            after=True,
        )
    yield Mishap(
        name="text_code_500",
        meaning="500 whose `Code` is text",
        answer=_fixed(partial(json_response, {"Code": "E5001", "Message": "Broken."}, 500)),
        after=True,
    )
    for status in GATEWAY_STATUS:
        yield Mishap(
            name=f"gateway_{status}",
            meaning=f"a gateway's {status} page",
            answer=_fixed(partial(gateway_page, status)),
            after=True,
        )


def _junk() -> Iterator[Mishap]:
    for name, (kind, text) in PORTALS.items():
        yield Mishap(
            name=f"portal_{name}",
            meaning=f"a portal's 200 as {kind}",
            answer=_fixed(partial(_typed, text, kind)),
            after=True,
        )
    for name, (meaning, text) in JUNK.items():
        yield Mishap(
            name=name,
            meaning=meaning,
            answer=_fixed(partial(_typed, text, "application/json")),
            after=True,
        )
    for status in REDIRECTS:
        yield Mishap(
            name=f"redirect_{status}",
            meaning=f"{status} to another port of this host",
            answer=partial(_redirect, status),
            after=True,
        )


def _errors() -> Iterator[Mishap]:
    for name, (words, text) in ERROR_TEXTS.items():
        yield Mishap(
            name=name,
            meaning=f"500 with Code 5001 whose text {words}",
            answer=_fixed(partial(json_response, {"Code": 5001, "Message": text}, 500)),
        )
    yield Mishap(
        name="leaky_error",
        meaning="500 with Code 5001 whose text names URL, job id and credential",
        answer=_leaky_error,
    )
    yield Mishap(
        name="leaky_refusal",
        meaning="400 with Code 4000 that names URL, job id and credential",
        answer=_leaky_refusal,
    )
    yield Mishap(
        name="failed",
        meaning="500 with Code 5001: it could not be deleted",
        answer=_fixed(partial(json_response, {"Code": 5001, "Message": "Delete error."}, 500)),
        addresses=(Address.DELETE,),
    )


def _elsewheres() -> Iterator[Mishap]:
    yield Mishap(
        name="misrouted",
        meaning="404 from a data centre that does not know what another one has",
        answer=_fixed(partial(_plain, 404)),
        addresses=(Address.POLL, Address.DOWNLOAD, Address.DELETE),
    )
    yield Mishap(
        name="unfinished",
        meaning="202, however long ago the job ended",
        answer=_fixed(partial(Response, status_code=202)),
        addresses=(Address.POLL,),
    )


def _silences() -> Iterator[Mishap]:
    yield Mishap(
        name="closed",
        meaning="the connection closes at once, without an answer",
        answer=_fixed(Dropped),
        after=True,
    )
    yield Mishap(
        name="silent",
        meaning="no answer; the connection stays open until the client goes",
        answer=_fixed(Silent),
        after=True,
    )


def _fixed(make: Callable[[], Response]) -> Answer:
    return lambda _: make()


def _always(value: str) -> Callable[[Struck], str]:
    return lambda _: value


def _plain(status: int) -> Response:
    return Response(HTTPStatus(status).phrase, status, media_type="text/plain")


def _bare(status: int) -> Response:
    answer = Response(status_code=status)
    if status == UNAUTHORIZED:
        answer.headers["WWW-Authenticate"] = 'Basic realm="proxy"'
    return answer


def _typed(text: str, kind: str) -> Response:
    return Response(text, headers={"Content-Type": kind})


def _retrying(
    make: Callable[[], Response], after: Callable[[Struck], str], struck: Struck
) -> Response:
    answer = make()
    answer.headers["Retry-After"] = after(struck)
    return answer


def _seconds(struck: Struck) -> str:
    return str(struck.retry_after_seconds)


def _date(struck: Struck) -> str:
    # A date says whole seconds: one more, so that it never asks for less than the seconds do.
    return formatdate(time() + struck.retry_after_seconds + 1, usegmt=True)


def _redirect(status: int, struck: Struck) -> Response:
    location = struck.elsewhere + struck.request.url.path
    return Response(status_code=status, headers={"Location": location})


def _leaky_error(struck: Struck) -> Response:
    return json_response({"Code": 5001, "Message": _leaky_text(struck.request)}, 500)


def _leaky_refusal(struck: Struck) -> Response:
    invalid = {"File": [_leaky_text(struck.request)]}
    body = {"Code": 4000, "Message": "Parameter validation error.", "InvalidParameters": invalid}
    return json_response(body, 400)


def _leaky_text(request: Request) -> str:
    credential = request.headers.get("authorization", "").partition(" ")[2]
    job_id = request.path_params.get("id") or request.query_params.get("JobId", "")
    url = request.url.include_query_params(Secret=credential, JobId=job_id)
    return f"Job {job_id} of {credential} failed: {url} (Authorization: Bearer {credential})"


MISHAPS: tuple[Mishap, ...] = (
    *_waits(),
    *_refusals(),
    *_junk(),
    *_errors(),
    *_elsewheres(),
    *_silences(),
)

DRIBBLES: tuple[Dribble, ...] = (
    Dribble(name="slow_head", meaning="the head comes byte by byte", spoil=SlowHead),
    Dribble(
        name="endless_continue",
        meaning="`100 Continue` again and again, then the answer",
        spoil=EndlessContinue,
    ),
    Dribble(name="slow_body", meaning="the body comes byte by byte", spoil=Dribbled),
    Dribble(
        name="slow_chunk",
        meaning="a chunk's extension comes byte by byte",
        spoil=SlowChunk,
    ),
    Dribble(
        name="slow_trailers",
        meaning="trailers that follow the body byte by byte",
        spoil=SlowTrailers,
    ),
)
