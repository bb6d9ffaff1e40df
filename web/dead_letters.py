"""Dead letters: listed, looked at, replayed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from conveyor import Conveyor, FailureKind, UnknownConversion
from conveyor.dead_letters import DeadLetters
from web.bodies import read_json
from web.conversions import MAX_PAGE, next_page
from web.models import ConversionAnswer, DeadLetterAnswer, DeadLetterPage, ReplayOrder, href_of
from web.openapi import problems
from web.problems import Kind
from web.wiring import Wired

__all__ = ["router"]

router = APIRouter(tags=["dead letters"])

_BODY: Final[Mapping[str, Any]] = {
    "required": False,
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/ReplayOrder"}}},
}


class DeadLetterQuery(BaseModel):
    """Which dead letters, and how many of them."""

    model_config = ConfigDict(extra="forbid")

    kind: FailureKind | None = None
    limit: int = Field(default=50, ge=1, le=MAX_PAGE)
    cursor: str = Field(default="", max_length=1024, description="As `next` of a page has it.")


@router.get(
    "/dead-letters",
    operation_id="listDeadLetters",
    summary="List dead letters, the newest first",
    responses=problems(Kind.INVALID_REQUEST),
)
def list_dead_letters(parts: Wired, query: Annotated[DeadLetterQuery, Query()]) -> DeadLetterPage:
    """Some of them; `next` leads to the next page."""
    page = parts.conveyor.dead_letters.page(query.kind, query.limit, query.cursor)
    ids = [conversion.id for conversion in page.conversions]
    costs = _costs(parts.conveyor.dead_letters, ids)
    return DeadLetterPage(
        dead_letters=[
            DeadLetterAnswer.of_dead(conversion, progress, is_paid=costs[conversion.id])
            for conversion, progress in zip(page.conversions, page.progress, strict=True)
            if conversion.id in costs
        ],
        next=next_page("/dead-letters", query, page.cursor),
    )


@router.get(
    "/dead-letters/{conversion_id}",
    operation_id="getDeadLetter",
    summary="Look at a dead letter",
    responses=problems(Kind.NOT_FOUND),
)
def get_dead_letter(parts: Wired, conversion_id: str) -> DeadLetterAnswer:
    """As it stands."""
    is_paid = parts.conveyor.dead_letters.costs(conversion_id)
    conversion, progress = parts.conveyor.look(conversion_id)
    return DeadLetterAnswer.of_dead(conversion, progress, is_paid=is_paid)


@router.post(
    "/dead-letters/{conversion_id}/replay",
    operation_id="replayDeadLetter",
    summary="Try a dead letter again",
    status_code=202,
    responses=problems(
        Kind.NOT_FOUND, Kind.TOO_LARGE, Kind.UNSUPPORTED_MEDIA_TYPE, Kind.INVALID_REQUEST
    ),
    openapi_extra={"requestBody": _BODY},
)
async def replay(
    request: Request, response: Response, parts: Wired, conversion_id: str
) -> ConversionAnswer:
    """Under the same id. `replay_is_paid` has said whether it costs."""
    order = await read_json(request, ReplayOrder) if _has_body(request) else ReplayOrder()
    response.headers["Location"] = href_of(conversion_id)
    return await run_in_threadpool(_replayed, parts.conveyor, conversion_id, order.timeout)


def _replayed(conveyor: Conveyor, conversion_id: str, timeout: int | None) -> ConversionAnswer:
    conveyor.dead_letters.replay(conversion_id, timeout)
    return ConversionAnswer.of(*conveyor.look(conversion_id))


def _has_body(request: Request) -> bool:
    length = request.headers.get("content-length", "0")
    return length != "0" or "transfer-encoding" in request.headers


def _costs(dead_letters: DeadLetters, ids: Sequence[str]) -> Mapping[str, bool]:
    """Which are paid again; one that was replayed meanwhile is left out."""
    try:
        return dead_letters.costs_of(ids)
    except UnknownConversion:
        return {one: cost for one in ids for cost in _cost(dead_letters, one)}


def _cost(dead_letters: DeadLetters, conversion_id: str) -> Sequence[bool]:
    try:
        return [dead_letters.costs(conversion_id)]
    except UnknownConversion:
        return []
