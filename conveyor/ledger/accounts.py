"""The accounts that workers submit for: how each stands, and the end of its hold."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

from conveyor.ledger import Client, script, translated

__all__ = ["AccountStatus", "accounts", "resume", "status_of"]

# Nobody notices that submits are slower than that.
_FAST: Final = 20.0
_HOLD_FIELDS: Final = (
    "held_since",
    "code",
    "because",
    "check_s",
    "checked_at",
    "by_submit",
    "prober",
    "counters",
    "well_at",
)


@dataclass(frozen=True, slots=True)
class AccountStatus:
    """An account's current status.

    Attributes:
        account: Its name.
        held: Why it is on hold; empty when it is not.
        rate: Submits a second that throttles have left it; None where nothing bounds them.
        jobs: Conversions that the service works on.
        held_s: For how long it has been on hold, seconds.
        ends: How the hold will end by itself, in words; empty when it is not on hold.
        most_jobs: As many jobs may it have at once; 0 where nothing bounds them.
    """

    account: str
    held: str
    rate: float | None
    jobs: int
    held_s: float = 0.0
    ends: str = ""
    most_jobs: int = 0

    @property
    def why(self) -> str:
        """What keeps conversions waiting, in words; empty where nothing does."""
        if self.held:
            return f"the account is on hold: {self.held}"
        if 0 < self.most_jobs <= self.jobs:
            jobs = "its one job" if self.most_jobs == 1 else f"one of its {self.most_jobs} jobs"
            return f"the account is at its limit: waits for {jobs} to end"
        if self.rate is not None and self.rate < _FAST:
            return f"ConvertAPI throttles the account: {self.rate:.1f} submits a second"
        return ""


def accounts(client: Client) -> list[AccountStatus]:
    """The accounts that the workers submit for.

    Raises:
        LedgerUnavailable: Redis can't be reached.
    """
    with translated(client):
        known = cast("set[str]", client.smembers(client.keyspace.accounts))
    return [status_of(client, account) for account in sorted(known)]


def status_of(client: Client, account: str) -> AccountStatus:
    """Get an account's status.

    Raises:
        LedgerUnavailable: Redis can't be reached.
    """
    look = client.register_script(script("account"))
    keys = client.keyspace
    with translated(client):
        answer = cast("list[Any]", look(keys=[keys.account(account), keys.jobs(account)]))
    now, rate, jobs, flat = answer
    fields = dict(zip(flat[::2], flat[1::2], strict=True))
    held = fields.get("held", "")
    return AccountStatus(
        account,
        held,
        float(rate) or None,
        jobs,
        held_s=max(float(now) - _number(fields, "held_since", float(now)), 0.0) if held else 0.0,
        ends=_end_of(fields) if held else "",
        most_jobs=int(_number(fields, "most_jobs")),
    )


def resume(client: Client, account: str) -> bool:
    """End an account's hold; its submits go on within seconds.

    Returns:
        Whether it was on hold.

    Raises:
        LedgerUnavailable: Redis can't be reached.
    """
    with translated(client), client.pipeline() as pipeline:
        pipeline.hdel(client.keyspace.account(account), "held")
        pipeline.hdel(client.keyspace.account(account), *_HOLD_FIELDS)
        # So the next sweep rings.
        pipeline.delete(client.keyspace.bell("submit"))
        was_held, *_ = pipeline.execute()
    return bool(was_held)


def _end_of(fields: Mapping[str, str]) -> str:
    every = f"every {_number(fields, 'check_s'):g} s"
    return f"a submit probes {every}" if "by_submit" in fields else f"the account is asked {every}"


def _number(fields: Mapping[str, str], name: str, default: float = 0.0) -> float:
    """A field as a number; a damaged one is none, and stops nobody."""
    try:
        number = float(fields.get(name, default))
    except ValueError:
        return default
    return number if math.isfinite(number) else default
