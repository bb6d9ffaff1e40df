"""The fleet at a glance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

from fastapi import APIRouter
from pydantic import Field

from conveyor import AccountStatus, FailureKind, State
from web.models import Model
from web.wiring import Wired

__all__ = ["AccountAnswer", "FleetAnswer", "KindCount", "router"]

router = APIRouter(tags=["fleet"])


class KindCount(Model):
    """Dead letters of one class."""

    kind: FailureKind
    count: int


class AccountAnswer(Model):
    """An account at ConvertAPI, by its name."""

    account: str
    held: str = Field(description="Why it is on hold; empty when it is not.")
    held_s: float = Field(description="For how long, seconds.")
    ends: str = Field(description="How the hold ends; empty when there is none.")
    rate: float | None = Field(
        description="Submits a second that throttles have left it; null where nothing bounds them."
    )
    jobs: int = Field(description="Conversions that ConvertAPI works on.")

    @classmethod
    def of(cls, account: AccountStatus) -> Self:
        """Make the answer from an account's status."""
        return cls(
            account=account.account,
            held=account.held,
            held_s=account.held_s,
            ends=account.ends,
            rate=account.rate,
            jobs=account.jobs,
        )


class FleetAnswer(Model):
    """The fleet at a glance."""

    states: Mapping[State, int]
    throughput: list[int] = Field(
        description="Conversions that succeeded in each of the last 30 minutes, the present last."
    )
    dead_letters: list[KindCount]
    oldest_overdue_s: float
    unreadable: int = Field(description="Entries in Redis that can't be read.")
    lost: int = Field(description="Conversions whose entry in Redis is gone.")
    newer: int = Field(description="Conversions that a later release of Conveyor has written.")
    leftovers: int = Field(description="Jobs and files still to be deleted at ConvertAPI.")
    accounts: list[AccountAnswer]
    flower_url: str | None


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
