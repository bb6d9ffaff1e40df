"""A conversion's changes of state as server-sent events."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Annotated, Any, Final

import structlog
from fastapi import APIRouter, Header
from starlette.responses import Response, StreamingResponse

from conveyor import ConveyorError, Event, Handle, InvalidRequest
from web.answers import StateEvent
from web.models import rfc3339
from web.openapi import problems
from web.problems import Kind
from web.wiring import Wired

__all__ = ["KEEP_ALIVE_S", "as_text", "router", "stream"]

router = APIRouter(tags=["conversions"])

log = structlog.get_logger("conveyor.web")

# Proxies close a silent line after 30 s and more.
KEEP_ALIVE_S: Final = 15.0
_COMMENT: Final = ":\n\n"
_HEADERS: Final = {
    "Cache-Control": "no-store",
    # nginx would hold events back until its buffer is full.
    "X-Accel-Buffering": "no",
}
# What a client reads of one event.
_EVENT: Final = {
    "type": "object",
    "required": ["id", "event", "data"],
    "properties": {
        "id": {"type": "string"},
        "event": {"const": "state"},
        "data": {
            "type": "string",
            "contentMediaType": "application/json",
            "contentSchema": {"$ref": "#/components/schemas/StateEvent"},
        },
    },
}
_RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "The events, from the first on, or from that after `Last-Event-ID`",
        "content": {
            "text/event-stream": {
                "schema": _EVENT,
                "example": 'id: 1764018000123-0\nevent: state\ndata: {"conversion": "6f1c…", '
                '"state": "queued", "at": "2026-11-24T21:00:00.123Z", "note": ""}\n\n',
            }
        },
    },
    204: {"description": "The last event was seen: nothing more will come"},
    **problems(Kind.NOT_FOUND, Kind.GONE),
}

LastEventId = Annotated[
    str | None,
    Header(
        alias="Last-Event-ID",
        description="The last event that you saw. An unknown one counts as none.",
        examples=["1764018000123-0"],
    ),
]


@router.get(
    "/conversions/{conversion_id}/events",
    operation_id="followConversion",
    summary="Follow a conversion",
    response_class=Response,
    responses=_RESPONSES,
)
async def follow(
    services: Wired, conversion_id: str, last_event_id: LastEventId = None
) -> Response:
    """One event for each change of state; the stream ends with the final one."""
    handle = await services.conveyor.ahandle(conversion_id)
    events = _after(handle, last_event_id or "")
    seen: list[Event] = []
    # Who has seen none gets one at least.
    if last_event_id and (await handle.aget()).state.is_final:
        # The status tells whether anything will come.
        first = await anext(events, None)
        if first is None:
            return Response(status_code=204)
        seen = [first]
    lines = stream(seen, events, services.closing)
    return StreamingResponse(lines, media_type="text/event-stream", headers=_HEADERS)


def _after(handle: Handle, event_id: str) -> AsyncIterator[Event]:
    """Return the events after one, all of them where that is unknown."""
    try:
        return handle.aevents(event_id)
    except InvalidRequest:
        return handle.aevents()


async def stream(
    seen: list[Event],
    events: AsyncIterator[Event],
    closing: asyncio.Event,
    keep_alive_s: float = KEEP_ALIVE_S,
) -> AsyncIterator[str]:
    """Server-sent events as text, with a comment after a silence.

    Args:
        seen: What has been read already.
        events: What comes then; it ends with the final state's.
        closing: Ends the stream; the client comes again, and goes on where it was.
        keep_alive_s: How long it may be silent.
    """
    for event in seen:
        yield as_text(event)
    closed = asyncio.ensure_future(closing.wait())
    upcoming = asyncio.ensure_future(anext(events, None))
    try:
        while not closed.done():
            await asyncio.wait(
                (upcoming, closed), timeout=keep_alive_s, return_when=asyncio.FIRST_COMPLETED
            )
            if upcoming.done():
                came = upcoming.result()
                if came is None:
                    return
                upcoming = asyncio.ensure_future(anext(events, None))
                yield as_text(came)
            elif not closed.done():
                yield _COMMENT
    except ConveyorError as error:
        # The client comes again by itself, and is told then how things stand.
        log.warning("event_stream_failed", error=str(error))
    finally:
        # With its task the iterator ends, and gives its connection back.
        for task in (closed, upcoming):
            task.cancel()


def as_text(event: Event) -> str:
    """An event as the stream has it."""
    data = StateEvent(
        conversion=event.conversion_id,
        state=event.state,
        at=rfc3339(event.at),
        note=event.note,
    )
    # JSON in one line: a note may hold breaks, which would end the field.
    return f"id: {event.id}\nevent: state\ndata: {json.dumps(data.model_dump())}\n\n"
