"""ConvertAPI's webhooks: "the job has ended", a hint to poll soon.

The address is its own proof: it holds a signature that only we can make. A forged call is refused
by CPU alone, before Redis or a thread is spent on it. A genuine call is a hint in whatever form it
comes. It is answered the same however often and however late it comes, so that the service stops
calling.

These addresses need no API key, count towards no rate and stand in no document.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from itertools import chain
from typing import Any, Final
from urllib.parse import parse_qsl

import structlog
from pydantic_core import from_json
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from conveyor import Conveyor, Unavailable
from conveyor.webhooks import is_genuine
from web.problems import Kind, ProblemResponse

__all__ = ["TEMPLATE", "Webhooks", "is_webhook"]

TEMPLATE: Final = "/webhooks/{conversion_id}/{signature}"
_FOLDER: Final = "/webhooks/"

# HEAD and PUT are what a service's "try it" button may send.
_METHODS: Final = ("GET", "HEAD", "POST", "PUT")

# A job id, and what else the service may add. More is not read, and not waited for.
_MOST_BYTES: Final = 4096
_BODY_S: Final = 2.0
_MOST_JOB_ID: Final = 256
_ENCODINGS: Final = ("utf-8-sig", "utf-16")

_TELL_EVERY_S: Final = 60.0

log = structlog.get_logger("conveyor.web")

_FORGED: Final = ProblemResponse(
    Kind.NOT_FOUND, "There is nothing at this URL. See /docs for the API."
)
_WRONG_METHOD: Final = ProblemResponse(
    Kind.METHOD_NOT_ALLOWED,
    f"This URL accepts only {', '.join(_METHODS)}.",
    {"Allow": ", ".join(_METHODS)},
)
_AWAY: Final = ProblemResponse(Kind.UNAVAILABLE, "Redis can't be reached. Call again later.")


def is_webhook(path: str) -> bool:
    """Whether a path belongs to webhooks."""
    return path.startswith(_FOLDER)


class Webhooks:
    """Serves the webhooks' URLs before any other check.

    Args:
        app: Takes all other addresses.
        conveyor: Is given the hints.
        key: Has signed the addresses; empty where there are no webhooks.
    """

    def __init__(self, app: ASGIApp, *, conveyor: Conveyor, key: str) -> None:
        self._app = app
        self._conveyor = conveyor
        self._key = key
        self._told_at = -math.inf

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a webhook, or pass a request on."""
        if scope["type"] != "http" or not is_webhook(scope["path"]):
            await self._app(scope, receive, send)
            return
        answer = await self._answer(scope, receive)
        await answer(scope, receive, send)

    def _tell_of_forged(self) -> None:
        """Anybody can call by the thousand: that must not fill the disk."""
        now = time.monotonic()
        if now - self._told_at >= _TELL_EVERY_S:
            self._told_at = now
            log.warning("forged_webhook", hint="Have the workers the same CONVEYOR_WEBHOOK_KEY?")

    async def _answer(self, scope: Scope, receive: Receive) -> Response:
        # An id may hold a slash, and a signature none.
        conversion_id, _, signature = scope["path"].removeprefix(_FOLDER).rpartition("/")
        if not self._key or not is_genuine(self._key, conversion_id, signature):
            self._tell_of_forged()
            return _FORGED
        scope["path_params"] = {"conversion_id": conversion_id}
        if scope["method"] not in _METHODS:
            return _WRONG_METHOD
        job_id = _job_id(scope["query_string"], await _begin(Request(scope, receive)))
        try:
            await run_in_threadpool(self._conveyor.job_ended, conversion_id, job_id)
        except Unavailable as error:
            log.warning("part_unavailable", error=str(error))
            return _AWAY
        return Response(status_code=204)


async def _begin(request: Request) -> bytes:
    """The body, or as much of it as comes at once."""
    body = bytearray()
    # Who goes away or stalls has called all the same.
    with suppress(TimeoutError, ClientDisconnect):
        async with asyncio.timeout(_BODY_S):
            async for chunk in request.stream():
                body += chunk
                if len(body) > _MOST_BYTES:
                    break
    return bytes(body)


def _job_id(query: bytes, body: bytes) -> str:
    """The job that has ended, where the call says so in a form that we know; else empty.

    Args:
        query: Of the address.
        body: Of the call, JSON or a form.
    """
    texts = [text for text in map(_text, (query, body)) if text]
    pairs = chain.from_iterable(map(_pairs, texts))
    ids = (value for name, value in pairs if _is_job_id(name) and 0 < len(value) <= _MOST_JOB_ID)
    return next(ids, "")


def _text(given: bytes) -> str:
    if len(given) > _MOST_BYTES:
        return ""
    # The mark of UTF-16 is no UTF-8.
    for encoding in _ENCODINGS:
        with suppress(UnicodeError):
            return given.decode(encoding)
    return ""


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    with suppress(ValueError):
        found = from_json(text)
        if isinstance(found, Mapping):
            yield from _strings(found.items())
        return
    with suppress(ValueError):
        yield from parse_qsl(text.strip())


def _strings(items: Iterable[tuple[str, Any]]) -> Iterator[tuple[str, str]]:
    return ((name, value.strip()) for name, value in items if isinstance(value, str))


def _is_job_id(name: str) -> bool:
    """Whatever its spelling: ``JobId``, ``jobId``, ``job_id``."""
    return name.replace("_", "").replace("-", "").strip().lower() == "jobid"
