"""The fleet at a glance."""

from __future__ import annotations

from fastapi import APIRouter

from web.models import AccountAnswer, FleetAnswer, KindCount
from web.wiring import Wired

__all__ = ["router"]

router = APIRouter(tags=["fleet"])


@router.get("/fleet", operation_id="getFleet", summary="Look at the fleet")
def get_fleet(services: Wired) -> FleetAnswer:
    """States, throughput, dead letters and accounts."""
    fleet = services.conveyor.fleet()
    return FleetAnswer(
        states=fleet.states,
        throughput=list(fleet.throughput),
        dead_letters=[
            KindCount(kind=kind, count=count) for kind, count in fleet.dead.items() if count
        ],
        oldest_overdue_s=fleet.oldest_overdue_s,
        unreadable=fleet.unreadable,
        lost=fleet.lost,
        newer=fleet.newer,
        leftovers=fleet.leftovers,
        accounts=[AccountAnswer.of(account) for account in fleet.accounts],
        flower_url=services.settings.web_flower_url or None,
    )
