"""Endpoints of callbacks: list, read, send again."""

from __future__ import annotations

from typing import Annotated, Any, Final, Self

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from conveyor import Chosen, Notice, NoticeStatus, Try, TryReason
from web.bodies import read_json
from web.models import CallbacksReplayOrder, Model, QueryTime, Timestamp, rfc3339
from web.openapi import problems
from web.problems import Kind
from web.wiring import Wired

__all__ = ["router"]

router = APIRouter(tags=["callbacks"])

_MOST: Final = 200


class TryAnswer(Model):
    """One try of a callback."""

    at: Timestamp
    status: int = Field(description="The HTTP status of the answer, 0 where there was none.")
    reason: TryReason | None = Field(description="Why it has failed; null where it has not.")
    error: str = Field(description="The same in words.")
    took_s: float = Field(description="How long it took, seconds.")

    @classmethod
    def of(cls, line: Try) -> Self:
        """Make the answer's member from a line of the log."""
        return cls(
            at=rfc3339(line.at),
            status=line.status,
            reason=line.reason,
            error=line.error,
            took_s=line.took_s,
        )


class CallbackAnswer(Model):
    """A callback: one event of a conversion on its way to its receiver."""

    id: str = Field(description="The message's `webhook-id`, the same in each try.")
    conversion: str
    sequence: int = Field(description="Its number among the events of its conversion.")
    type: str = Field(examples=["conversion.succeeded"])
    at: Timestamp
    status: NoticeStatus
    tries: int
    reason: TryReason | None = Field(description="Why the last try has failed.")
    receiver: str = Field(description="The host and port that it goes to.")
    ended_at: Timestamp | None
    log: list[TryAnswer] = Field(description="The tries; empty in a list.")

    @classmethod
    def of(cls, notice: Notice) -> Self:
        """Make the answer from a callback."""
        return cls(
            id=notice.id,
            conversion=notice.conversion_id,
            sequence=notice.number,
            type=notice.type,
            at=rfc3339(notice.at),
            status=notice.status,
            tries=notice.tries,
            reason=notice.reason,
            receiver=notice.receiver,
            ended_at=None if notice.ended_at is None else rfc3339(notice.ended_at),
            log=list(map(TryAnswer.of, notice.log)),
        )


class CallbackList(Model):
    """Some callbacks, those of the latest events first."""

    callbacks: list[CallbackAnswer]


class ReplayedAnswer(Model):
    """What a replay has done."""

    replayed: int = Field(description="How many callbacks are sent again.")


class CallbackQuery(BaseModel):
    """Which callbacks, and how many of them."""

    model_config = ConfigDict(extra="forbid")

    status: NoticeStatus | None = None
    reason: TryReason | None = None
    since: QueryTime | None = None
    until: QueryTime | None = None
    limit: int = Field(default=50, ge=1, le=_MOST)

    @property
    def chosen(self) -> Chosen:
        """The same for the library."""
        return Chosen(self.status, self.reason, self.since, self.until)


_BODY: Final[dict[str, Any]] = {
    "required": True,
    "content": {
        "application/json": {"schema": {"$ref": "#/components/schemas/CallbacksReplayOrder"}}
    },
}


@router.get(
    "/callbacks",
    operation_id="listCallbacks",
    summary="List callbacks, those of the latest events first",
    responses=problems(Kind.INVALID_REQUEST),
)
def list_callbacks(services: Wired, query: Annotated[CallbackQuery, Query()]) -> CallbackList:
    """Of the last ten days. For an older page, set `until` to the last one's `at`."""
    found = services.conveyor.callbacks.list(query.chosen, query.limit)
    return CallbackList(callbacks=list(map(CallbackAnswer.of, found)))


@router.post(
    "/callbacks/replay",
    operation_id="replayCallbacks",
    summary="Send callbacks again, by status, reason or time",
    status_code=202,
    responses=problems(
        Kind.TIMEOUT, Kind.TOO_LARGE, Kind.UNSUPPORTED_MEDIA_TYPE, Kind.INVALID_REQUEST
    ),
    openapi_extra={"requestBody": _BODY},
)
async def replay_callbacks(request: Request, services: Wired) -> ReplayedAnswer:
    """Each under its `webhook-id`, also if it was received."""
    order = await read_json(request, CallbacksReplayOrder)
    chosen = Chosen(order.status, order.reason, order.since, order.until)
    callbacks = services.conveyor.callbacks
    return ReplayedAnswer(
        replayed=await run_in_threadpool(callbacks.replay_all, chosen, order.limit)
    )


@router.get(
    "/conversions/{conversion_id}/callbacks",
    operation_id="getCallbacks",
    summary="Look at a conversion's callbacks, with the log of their tries",
    responses=problems(Kind.NOT_FOUND),
)
def get_callbacks(services: Wired, conversion_id: str) -> CallbackList:
    """The oldest event first."""
    found = services.conveyor.callbacks.show(conversion_id)
    return CallbackList(callbacks=list(map(CallbackAnswer.of, found)))


@router.post(
    "/conversions/{conversion_id}/callbacks/replay",
    operation_id="replayCallbacksOfOne",
    summary="Send a conversion's callbacks again",
    status_code=202,
    responses=problems(Kind.NOT_FOUND),
)
def replay_callbacks_of_one(services: Wired, conversion_id: str) -> ReplayedAnswer:
    """Each under its `webhook-id`, also if it was received."""
    return ReplayedAnswer(replayed=services.conveyor.callbacks.replay(conversion_id))
