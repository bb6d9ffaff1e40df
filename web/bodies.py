"""What a request carries, read in bounds: its media type, its bytes, its JSON."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from email.message import Message
from itertools import islice
from typing import Final, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import Request

from conveyor.domain.shapes import without_escapes
from web.problems import Kind, Problem, errors_of

__all__ = [
    "JSON",
    "MAX_JSON_BYTES",
    "STALL_S",
    "bounded",
    "check",
    "check_coding",
    "media_type_of",
    "parse_json",
    "read_json",
]

JSON: Final = "application/json"
# A request is some URLs and parameters.
MAX_JSON_BYTES: Final = 1024 * 1024

# What a request may hold is 100 sources and 200 parameters: 600 strings and as many commas. Each
# name and each value of JSON costs one of these at least.
_MAX_TOKENS: Final = 1500
# Of a text without escapes. The end of a string may be missing: it goes through any text once.
_TOKEN: Final = re.compile(rb'"[^"]*"?|[\[{,]')

# Who sends less than that within so long will not send the rest, or means to hold us up.
STALL_S: Final = 60.0
_LEAST_BYTES: Final = 64 * 1024

# The others stand among the `errors`.
_IN_DETAIL: Final = 3

ModelT = TypeVar("ModelT", bound=BaseModel)


def media_type_of(request: Request) -> Message:
    """The request's ``Content-Type``, parsed; ``application/octet-stream`` where there is none."""
    header = Message()
    header["Content-Type"] = request.headers.get("content-type") or "application/octet-stream"
    return header


def check_coding(request: Request) -> None:
    """Refuse what came compressed: it would be stored as it is, and can't be converted.

    Raises:
        Problem: 415.
    """
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise Problem(Kind.UNSUPPORTED_MEDIA_TYPE, "Send the body without Content-Encoding.")


async def bounded(request: Request, limit_bytes: int) -> AsyncIterator[bytes]:
    """The body, piece by piece, and no more of it than allowed.

    Args:
        request: Its request.
        limit_bytes: The most.

    Raises:
        Problem: 413, at once where ``Content-Length`` says so; 408 where next to nothing comes.
        ClientDisconnect: The client is gone.
    """
    declared = request.headers.get("content-length", "")
    # Python reads no number of 5,000 digits, and no body has more bytes than 18 can tell.
    if declared.isdecimal() and int(declared[:18]) > limit_bytes:
        raise _too_large(limit_bytes)
    size = 0
    async for chunk in _moving(request.stream()):
        size += len(chunk)
        if size > limit_bytes:
            raise _too_large(limit_bytes)
        if chunk:
            yield chunk


async def _moving(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Pieces as they come, while they come. What is done with one in between takes its time."""
    clock = asyncio.get_running_loop().time
    come, left_s = 0, STALL_S
    while True:
        begun = clock()
        try:
            async with asyncio.timeout(left_s):
                chunk = await anext(chunks, None)
        except TimeoutError:
            raise _stalled(come) from None
        if chunk is None:
            return
        come, left_s = come + len(chunk), left_s - (clock() - begun)
        if come >= _LEAST_BYTES:
            come, left_s = 0, STALL_S
        yield chunk


async def read_json(request: Request, model: type[ModelT]) -> ModelT:
    """The body as a model.

    Args:
        request: Its request.
        model: What it must be.

    Raises:
        Problem: 413, 415 where it's said to be something else, or 422.
    """
    if media_type_of(request).get_content_type() != JSON:
        raise Problem(Kind.UNSUPPORTED_MEDIA_TYPE, f"Send the body as {JSON}.")
    check_coding(request)
    return parse_json(b"".join([chunk async for chunk in bounded(request, MAX_JSON_BYTES)]), model)


def parse_json(text: bytes | str, model: type[ModelT], place: str = "body") -> ModelT:
    """Parse JSON into a model.

    Args:
        text: The JSON.
        model: What it must be.
        place: What messages call it.

    Raises:
        Problem: 422; it names the fields and tells no values.
    """
    _check_size(text.encode() if isinstance(text, str) else text, place)
    try:
        return model.model_validate_json(text, strict=True)
    except ValidationError as error:
        raise _wrong(error, place) from None


def _check_size(text: bytes, place: str) -> None:
    """Refuse JSON of many small things, before each is made an object, checked and told of.

    Raises:
        Problem: 422.
    """
    if next(islice(_TOKEN.finditer(without_escapes(text)), _MAX_TOKENS, None), None) is not None:
        raise Problem(
            Kind.INVALID_REQUEST, f"{place}: it holds too many values for one request. Send fewer."
        )


def check(given: Mapping[str, str], model: type[ModelT], place: str = "body") -> ModelT:
    """Fields as a model; as `parse_json`."""
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise _wrong(error, place) from None


def _wrong(error: ValidationError, place: str) -> Problem:
    found = error.errors(include_url=False, include_context=False, include_input=False)
    errors = errors_of(found, place)
    detail = "; ".join(f"{item['field']}: {item['message']}" for item in errors[:_IN_DETAIL])
    return Problem(Kind.INVALID_REQUEST, f"{detail}.", errors=errors)


def _stalled(come: int) -> Problem:
    detail = (
        f"Only {come} bytes arrived in {STALL_S:g} s, and the body is incomplete. Send it again."
    )
    return Problem(Kind.TIMEOUT, detail, {"Connection": "close"})


def _too_large(limit_bytes: int) -> Problem:
    return Problem(
        Kind.TOO_LARGE,
        f"The body is larger than {limit_bytes} bytes, the limit here. Send a smaller one.",
    )
