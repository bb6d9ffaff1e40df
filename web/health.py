"""Health: whether this process lives, and whether it can be given work."""

from __future__ import annotations

import structlog
from fastapi import APIRouter

from web.models import HealthAnswer
from web.openapi import problems
from web.problems import Kind, Problem
from web.wiring import Wired

__all__ = ["router"]

router = APIRouter(tags=["health"])

log = structlog.get_logger("conveyor.web")


@router.head("/healthz", include_in_schema=False)
@router.get("/healthz", operation_id="isAlive", summary="Whether the process lives")
async def is_alive() -> HealthAnswer:
    """It does, if it answers."""
    return HealthAnswer()


@router.head("/readyz", include_in_schema=False)
@router.get(
    "/readyz",
    operation_id="isReady",
    summary="Whether it can be given work",
    responses=problems(Kind.UNAVAILABLE),
)
async def is_ready(services: Wired) -> HealthAnswer:
    """Redis, the broker and the storage can be used. A 503 names what can't."""
    missing = await services.readiness.missing()
    if missing:
        for check in missing:
            log.warning("part_unavailable", part=check.name, error=check.detail)
        names = ", ".join(check.name for check in missing)
        raise Problem(Kind.UNAVAILABLE, f"Can't be used: {names}.")
    return HealthAnswer()
