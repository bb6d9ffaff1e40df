"""What may happen on the road between a client and the service, as one table.

Each row is a family of faults: its name with an address makes a fault, such as
`status_429_upload`. Nothing here knows a conversion.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from convertapi_sandbox.addresses import Address
from convertapi_sandbox.errors import UNAUTHORIZED
from convertapi_sandbox.impostors import impostors
from convertapi_sandbox.mishap import Mishap, Struck, always, plain
from convertapi_sandbox.throttles import throttles
from convertapi_sandbox.wire import GATEWAY_STATUS, Dropped, Silent, gateway_page, json_response

__all__ = ["MISHAPS"]

_INACTIVE: Final = {"Code": 4015, "Message": "User inactive."}
# Name → what is odd about an error's text, and the text.
_ERROR_TEXTS: Final[Mapping[str, tuple[str, str]]] = {
    "surrogate_error": ("holds a lone surrogate", "It was cut here: \ud83d"),
    "huge_error": ("is 100 KB long", "Too much. " * 10_240),
    "bad_url_error": ("holds a URL that parsers refuse", 'It ended at "http://[x".'),
}


def _refusals() -> Iterator[Mishap]:
    for status in (401, 402, 403):
        yield Mishap(
            name=f"bare_{status}",
            meaning=f"{status} without a body",
            answer=always(partial(_bare, status)),
        )
        yield Mishap(
            name=f"refused_{status}",
            meaning=f"{status} with Code 4015",
            answer=always(partial(json_response, _INACTIVE, status)),
        )
    for status in (500, 502, 503, 504):
        yield Mishap(
            name=f"message_only_{status}",
            meaning=f"{status} with a `Message` and no `Code`",
            answer=always(partial(json_response, {"Message": "An error has occurred."}, status)),
            after=True,
        )
    yield Mishap(
        name="text_code_500",
        meaning="500 whose `Code` is text",
        answer=always(partial(json_response, {"Code": "E5001", "Message": "Broken."}, 500)),
        after=True,
    )
    for status in GATEWAY_STATUS:
        yield Mishap(
            name=f"gateway_{status}",
            meaning=f"a gateway's {status} page",
            answer=always(partial(gateway_page, status)),
            after=True,
        )


def _errors() -> Iterator[Mishap]:
    for name, (words, text) in _ERROR_TEXTS.items():
        yield Mishap(
            name=name,
            meaning=f"500 with Code 5001 whose text {words}",
            answer=always(partial(json_response, {"Code": 5001, "Message": text}, 500)),
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
        answer=always(partial(json_response, {"Code": 5001, "Message": "Delete error."}, 500)),
        addresses=(Address.DELETE,),
    )


def _elsewheres() -> Iterator[Mishap]:
    yield Mishap(
        name="misrouted",
        meaning="404 from a data centre that does not know what another one has",
        answer=always(partial(plain, 404)),
        addresses=(Address.POLL, Address.DOWNLOAD, Address.DELETE),
    )
    yield Mishap(
        name="unfinished",
        meaning="202, however long ago the job ended",
        answer=always(partial(Response, status_code=202)),
        addresses=(Address.POLL,),
    )


def _silences() -> Iterator[Mishap]:
    yield Mishap(
        name="closed",
        meaning="the connection closes at once, without an answer",
        answer=always(Dropped),
        after=True,
    )
    yield Mishap(
        name="silent",
        meaning="no answer; the connection stays open until the client goes",
        answer=always(Silent),
        after=True,
    )


def _bare(status: int) -> Response:
    answer = Response(status_code=status)
    if status == UNAUTHORIZED:
        answer.headers["WWW-Authenticate"] = 'Basic realm="proxy"'
    return answer


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


MISHAPS: Final[tuple[Mishap, ...]] = (
    *throttles(),
    *_refusals(),
    *impostors(),
    *_errors(),
    *_elsewheres(),
    *_silences(),
)
