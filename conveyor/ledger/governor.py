"""The governor: what an account may do now is one fact for the whole fleet, kept in Redis.

Throttles slow the submits down. They lower the account's rate to what the service took of late, and
it grows again as time goes by: ``rate.lua`` has the law. A used-up balance or wrong credentials
hold the submits, so that nothing is lost and nothing is burnt. A limit bounds the jobs at the
service. `conveyor.ledger.claims` takes what may go.

A hold is checked every half minute, for as long as conversions wait. The account is asked at
``/user`` how it is. Where that proves nothing, one submit is let through as a probe, and the
conversions take turns at it. An API token is refused at ``/user``, and counters that have not moved
don't show that a balance was filled up.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

from conveyor.ledger import Client, script, translated

__all__ = [
    "BALANCE_USED_UP",
    "AccountStatus",
    "Admission",
    "Governor",
    "accounts",
    "resume",
    "status_of",
]

# Nobody notices that submits are slower than that.
_FAST: Final = 20.0
# How often a held account is checked, and how often its submits look, in steps of the spacing:
# half a minute at the service's 5 s.
_HELD_STEPS: Final = 6
BALANCE_USED_UP: Final = 4014

_HOLD_FIELDS: Final = (
    "held_since",
    "code",
    "check_s",
    "checked_at",
    "by_submit",
    "prober",
    "counters",
    "well_at",
)


@dataclass(frozen=True, slots=True)
class Admission:
    """How the account stood when conversions were taken to be submitted.

    Attributes:
        reason: What keeps others waiting: ``held``, ``full``, ``throttled``, or nothing.
        must_check: Whether it is ours to ask the service if the hold can end.
        probe: Whether what was taken goes although the account is on hold, to see if it is still
            refused. A refusal then says nothing of the conversion.
        well: Whether the service itself ended a hold lately, some minutes ago at most. A refusal
            then is this conversion's own, unless it says that the balance is used up.
        foreign_ids: Whether the service was seen to answer with job ids of its own.
    """

    reason: str = ""
    must_check: bool = False
    probe: bool = False
    well: bool = False
    foreign_ids: bool = False


@dataclass(frozen=True, slots=True)
class AccountStatus:
    """An account as the operator sees it.

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


class Governor:
    """One account's.

    Args:
        client: Redis.
        account: The account's name.
        spacing_s: The step of the waits.
        limit: Of jobs at the service at once; 0 for none.
    """

    def __init__(self, client: Client, account: str, spacing_s: float, limit: int) -> None:
        self._redis = client
        self._keys = client.keyspace
        self.account = account
        self._step_s = spacing_s
        self._check_s = spacing_s * _HELD_STEPS
        self._limit = limit
        self._key = self._keys.account(account)
        self._throttle = client.register_script(script("throttle"))
        self._hold = client.register_script(script("hold"))

    def claiming(self, hold_s: float) -> dict[str, Any]:
        """What ``claim.lua`` needs to know of the account.

        Args:
            hold_s: How long a conversion waits for it, seconds.
        """
        return {
            "account": self.account,
            "most_jobs": self._limit,
            "check_s": self._check_s,
            "hold_s": hold_s,
        }

    def why(self) -> str:
        """What keeps conversions waiting, in words.

        Raises:
            LedgerUnavailable: Redis can't be reached.
        """
        return status_of(self._redis, self.account).why or "the account let none go"

    def release(self, *conversion_ids: str) -> None:
        """Take back places among the jobs: nothing was submitted."""
        with translated(self._redis):
            self._redis.srem(self._keys.jobs(self.account), *conversion_ids)

    def throttled(self) -> float:
        """Note a throttle, wherever the service said it: many of them lower the account's rate.

        Returns:
            The rate, submits a second; 0 where nothing bounds them.

        Raises:
            LedgerUnavailable: Redis can't be reached.
        """
        with translated(self._redis):
            rate = self._throttle(keys=[self._key, self._keys.counts], args=[1 / self._step_s])
        return float(cast("str", rate))

    def hold(self, reason: str, code: int = 0) -> bool:
        """Hold all submits of the account.

        Args:
            reason: What the service says, and the cure.
            code: The service's code, 0 where it gave none.

        Returns:
            Whether the account was not on hold before.

        Raises:
            LedgerUnavailable: Redis can't be reached.
        """
        with translated(self._redis):
            return bool(
                self._hold(
                    keys=[self._key, self._keys.accounts],
                    args=[self.account, reason or "refused", code, self._check_s],
                )
            )

    def refused(self, conversion_id: str) -> None:
        """Note whose submit was refused for the account: others are the first to probe it."""
        with translated(self._redis):
            self._redis.hset(self._key, "prober", conversion_id)

    def probe_by_submit(self) -> None:
        """Have submits probe whether the hold can end: asking the account proves nothing."""
        with translated(self._redis):
            self._redis.hset(self._key, "by_submit", 1)

    def is_proof(self, counters: str) -> bool:
        """Whether an account that is said to be well ends the hold.

        Args:
            counters: What it has bought and used, in any form.

        Returns:
            False where the balance was used up and the counters are as they were when they were
            first seen in this hold.

        Raises:
            LedgerUnavailable: Redis can't be reached.
        """
        with translated(self._redis), self._redis.pipeline() as pipeline:
            pipeline.hsetnx(self._key, "counters", counters)
            pipeline.hmget(self._key, "counters", "code")
            _, (first, code) = pipeline.execute()
        return bool(code != str(BALANCE_USED_UP) or first != counters)

    def resume(self) -> None:
        """End the hold, because the service has shown that the account is well.

        A balance may be used up again at once, so its end says nothing of later refusals.

        Raises:
            LedgerUnavailable: Redis can't be reached.
        """
        with translated(self._redis):
            code = cast("str | None", self._redis.hget(self._key, "code"))
            resume(self._redis, self.account)
            if code != str(BALANCE_USED_UP):
                self._redis.hset(self._key, "well_at", _server_now(self._redis))

    def record_foreign_ids(self) -> None:
        """Note that the service answers with job ids of its own: ours can't be asked for."""
        with translated(self._redis):
            self._redis.hset(self._key, "foreign_ids", 1)


def accounts(client: Client) -> list[AccountStatus]:
    """The accounts that the workers submit for.

    Raises:
        LedgerUnavailable: Redis can't be reached.
    """
    with translated(client):
        known = cast("set[str]", client.smembers(client.keyspace.accounts))
    return [status_of(client, account) for account in sorted(known)]


def status_of(client: Client, account: str) -> AccountStatus:
    """How an account stands.

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


def _server_now(client: Client) -> float:
    seconds, microseconds = client.time()
    return seconds + microseconds / 1e6


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
