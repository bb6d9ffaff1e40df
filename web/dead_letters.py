"""Endpoints of dead letters: list, read, replay."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Response
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from conveyor import Conveyor, FailureKind
from web.answers import ConversionAnswer, DeadLetterAnswer, DeadLetterPage
from web.bodies import read_json
from web.languages import Language
from web.models import ReplayOrder, href_of
from web.openapi import problems
from web.outcome import outcome_of
from web.paging import PageQuery, next_page
from web.problems import Kind
from web.wiring import Wired

__all__ = ["router"]

router = APIRouter(tags=["dead letters"])

_BODY: Final[Mapping[str, Any]] = {
    "required": False,
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/ReplayOrder"}}},
}


class DeadLetterQuery(PageQuery):
    """Which dead letters, and how many of them."""

    kind: FailureKind | None = None


@router.get(
    "/dead-letters",
    operation_id="listDeadLetters",
    summary="List dead letters, the newest first",
    responses=problems(Kind.INVALID_REQUEST),
)
def list_dead_letters(
    services: Wired, query: Annotated[DeadLetterQuery, Query()], language: Language
) -> DeadLetterPage:
    """Some of them; `next` leads to the next page."""
    letters = services.conveyor.dead_letters
    page = letters.page(query.kind, query.limit, query.cursor)
    ids = [conversion.id for conversion in page.conversions]
    costs, accounts = letters.costs_of(ids), letters.accounts_of(ids)
    return DeadLetterPage(
        dead_letters=[
            DeadLetterAnswer.of_dead(
                status,
                language,
                is_paid=costs[status.conversion.id],
                account=accounts[status.conversion.id],
            )
            for status in page.statuses
            if status.conversion.id in costs.keys() & accounts.keys()  # else it was replayed
        ],
        next=next_page("/dead-letters", query, page.cursor),
    )


@router.get(
    "/dead-letters/{conversion_id}",
    operation_id="getDeadLetter",
    summary="Look at a dead letter",
    responses=problems(Kind.NOT_FOUND),
)
def get_dead_letter(services: Wired, conversion_id: str, language: Language) -> DeadLetterAnswer:
    """Show a dead letter."""
    letters = services.conveyor.dead_letters
    is_paid, accounts = letters.costs(conversion_id), letters.accounts_of([conversion_id])
    status = services.conveyor.status(conversion_id)
    account = accounts.get(conversion_id, "")
    return DeadLetterAnswer.of_dead(status, language, is_paid=is_paid, account=account)


@router.post(
    "/dead-letters/{conversion_id}/replay",
    operation_id="replayDeadLetter",
    summary="Try a dead letter again",
    status_code=202,
    responses=problems(
        Kind.NOT_FOUND,
        Kind.TIMEOUT,
        Kind.TOO_LARGE,
        Kind.UNSUPPORTED_MEDIA_TYPE,
        Kind.INVALID_REQUEST,
    ),
    openapi_extra={"requestBody": _BODY},
)
async def replay(
    request: Request,
    response: Response,
    services: Wired,
    conversion_id: str,
    language: Language,
) -> ConversionAnswer:
    """Under the same id. `replay_is_paid` has said whether it costs."""
    order = await read_json(request, ReplayOrder) if _has_body(request) else ReplayOrder()
    response.headers["Location"] = href_of(conversion_id)
    replayed = partial(_replayed, services.conveyor, conversion_id, order.timeout, language)
    return await run_in_threadpool(replayed)


def _replayed(
    conveyor: Conveyor, conversion_id: str, timeout: int | None, language: str
) -> ConversionAnswer:
    return outcome_of(conveyor, conveyor.dead_letters.replay(conversion_id, timeout), language)


def _has_body(request: Request) -> bool:
    length = request.headers.get("content-length", "0")
    return length != "0" or "transfer-encoding" in request.headers
