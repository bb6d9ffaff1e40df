"""ConvertAPI's webhooks: "the job has ended", a hint to look at once.

The address is its own proof: it holds a signature that only we can make. What is forged is
refused by CPU alone, before Redis or a thread is spent on it. A genuine call is answered the same
however often and however late it comes, so that the service stops calling.

These addresses need no API key, count towards no rate and stand in no document.
"""

from __future__ import annotations

import math
import time
from typing import Final

import structlog
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from conveyor import Conveyor, Unavailable
from conveyor.webhooks import is_genuine
from web.bodies import bounded
from web.problems import Kind, Problem, ProblemResponse

__all__ = ["TEMPLATE", "Webhooks", "is_webhook"]

TEMPLATE: Final = "/webhooks/{conversion_id}/{signature}"
_FOLDER: Final = "/webhooks/"

# A job id in a little JSON.
_MAX_BODY_BYTES: Final = 4096
_MAX_JOB_ID: Final = 256

_TELL_EVERY_S: Final = 60.0

log = structlog.get_logger("conveyor.web")


def is_webhook(path: str) -> bool:
    """Whether an address is a webhook's, or would be one."""
    return path.startswith(_FOLDER)


class _Notice(BaseModel):
    """What the service sends: the job; anything else is its own business."""

    model_config = ConfigDict(extra="ignore")

    job_id: str = Field(alias="JobId", min_length=1, max_length=_MAX_JOB_ID)


class Webhooks:
    """Takes the webhooks' addresses, before anything else is asked.

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
        conversion_id, _, signature = scope["path"].removeprefix(_FOLDER).partition("/")
        if not self._key or not is_genuine(self._key, conversion_id, signature):
            self._tell_of_forged()
            return _FORGED
        scope["path_params"] = {"conversion_id": conversion_id}
        if scope["method"] not in ("GET", "POST"):
            return _WRONG_METHOD
        try:
            job_id = await _job_id(Request(scope, receive))
            await run_in_threadpool(self._conveyor.job_ended, conversion_id, job_id)
        except Problem as problem:
            return ProblemResponse(problem.kind, problem.detail, problem.headers)
        except ClientDisconnect:
            return Response(status_code=400)
        except Unavailable as error:
            log.warning("part_unavailable", error=str(error))
            return _AWAY
        return Response(status_code=204)


_FORGED: Final = ProblemResponse(Kind.NOT_FOUND, "There is nothing at this address.")
_WRONG_METHOD: Final = ProblemResponse(
    Kind.METHOD_NOT_ALLOWED, "This address takes GET, POST.", {"Allow": "GET, POST"}
)
_AWAY: Final = ProblemResponse(Kind.UNAVAILABLE, "Not now: call again later.")


async def _job_id(request: Request) -> str:
    """The job that has ended.

    Raises:
        Problem: 413 or 422.
    """
    if request.method == "GET":
        given = request.query_params.get("JobId", "")
        if not 0 < len(given) <= _MAX_JOB_ID:
            raise _no_job()
        return given
    body = b"".join([chunk async for chunk in bounded(request, _MAX_BODY_BYTES)])
    try:
        return _Notice.model_validate_json(body).job_id
    except ValidationError:
        raise _no_job() from None


def _no_job() -> Problem:
    return Problem(Kind.INVALID_REQUEST, "There is no JobId.")
