"""The governor: what an account may do now is one fact for the whole fleet, kept in Redis.

A throttle makes all submits wait. A used-up balance or wrong credentials hold them, so that nothing
is lost and nothing is burnt. A limit bounds the jobs at the service.

A hold is checked every half minute, for as long as conversions wait. The account is asked at
``/user`` how it is. Where that proves nothing, one submit is let through as a probe, and the
conversions take turns at it. An API token is refused at ``/user``, and counters that have not moved
don't show that a balance was filled up.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

from conveyor.ledger import Client, script, translated
from conveyor.ledger.entry import VERSION

__all__ = [
    "BALANCE_USED_UP",
    "AccountStatus",
    "Gate",
    "Governor",
    "accounts",
    "resume",
    "status_of",
]

# How often a held account is checked, and how often its submits look, in steps of the spacing:
# half a minute at the service's 5 s.
_HELD_STEPS: Final = 6
# A service that asks for more patience than that is asked again all the same.
_LONGEST_THROTTLE_S: Final = 3600.0
_MOST_SPREAD_S: Final = 15.0
BALANCE_USED_UP: Final = 4014

_HOLD_FIELDS: Final = (
    "held_since",
    "code",
    "check_s",
    "checked_at",
    "by_submit",
    "prober",
    "others_at",
    "counters",
    "well_at",
)


@dataclass(frozen=True, slots=True)
class Gate:
    """Whether a conversion may be submitted now.

    Attributes:
        wait_s: 0 when it may; else seconds until it may ask again.
        reason: Why not, in words.
        held: Whether the account is on hold.
        must_check: Whether it is ours to ask the service if the hold can end.
        probe: Whether this submit is let through although the account is on hold, to see if it is
            still refused. A refusal then says nothing of the conversion.
        well: Whether the service itself ended a hold lately, some minutes ago at most. A refusal
            then is this conversion's own, unless it says that the balance is used up.
        throttles: Throttles in a row so far.
        foreign_ids: Whether the service was seen to answer with job ids of its own.
    """

    wait_s: float = 0.0
    reason: str = ""
    held: bool = False
    must_check: bool = False
    probe: bool = False
    well: bool = False
    throttles: int = 0
    foreign_ids: bool = False


@dataclass(frozen=True, slots=True)
class AccountStatus:
    """An account as the operator sees it.

    Attributes:
        account: Its name.
        held: Why it is on hold; empty when it is not.
        throttles: Throttles in a row.
        jobs: Conversions that the service works on.
        held_s: For how long it has been on hold, seconds.
        ends: How the hold will end by itself, in words; empty when it is not on hold.
    """

    account: str
    held: str
    throttles: int
    jobs: int
    held_s: float = 0.0
    ends: str = ""


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
        self._gate = client.register_script(script("gate"))
        self._throttle = client.register_script(script("throttle"))
        self._hold = client.register_script(script("hold"))

    def ask(self, conversion_id: str) -> Gate:
        """Ask whether a conversion may be submitted now; if so it counts as a job from here on.

        Args:
            conversion_id: The conversion.

        Raises:
            LedgerUnavailable: Redis can't be reached.
        """
        with translated(self._redis):
            answer, *details = cast(
                "list[Any]",
                self._gate(
                    keys=[
                        self._key,
                        self._keys.jobs(self.account),
                        self._keys.conversion(conversion_id),
                        self._keys.accounts,
                    ],
                    args=[conversion_id, self._limit, self._check_s, self.account, VERSION],
                ),
            )
        if answer == "held":
            reason, check = details
            note = f"the account is on hold: {reason}"
            return Gate(_spread(self._check_s), note, held=True, must_check=bool(check))
        if answer == "throttled":
            return Gate(_spread(details[0] / 1000), "ConvertAPI is throttling the account")
        if answer == "full":
            return Gate(_spread(self._step_s), f"the account's {self._limit} jobs are running")
        throttles, foreign_ids, probe, well = details
        return Gate(
            probe=bool(probe), well=bool(well), throttles=throttles, foreign_ids=bool(foreign_ids)
        )

    def release(self, conversion_id: str) -> None:
        """Take back what `ask` allowed: nothing was submitted."""
        with translated(self._redis):
            self._redis.srem(self._keys.jobs(self.account), conversion_id)

    def throttled(self, retry_after_s: float | None = None) -> float:
        """Note a throttle, wherever the service said it.

        Args:
            retry_after_s: What ``Retry-After`` asks for, seconds; None where it was not sent. More
                than an hour counts as an hour.

        Returns:
            Seconds until the next try: 5, 10, 15 s at the service's spacing or what is asked for,
            whichever is longer, and jitter.

        Raises:
            LedgerUnavailable: Redis can't be reached.
        """
        wanted_s = min(max(retry_after_s or 0.0, 0.0), _LONGEST_THROTTLE_S)
        with translated(self._redis):
            wait_ms = self._throttle(
                keys=[self._key, self._keys.counts], args=[self._step_s, wanted_s]
            )
        return _spread(wait_ms / 1000)

    def recovered(self) -> None:
        """Note that the service takes jobs again: the next throttle is the first one again."""
        with translated(self._redis):
            self._redis.hdel(self._key, "throttles")

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
        return int(code or 0) != BALANCE_USED_UP or first != counters

    def resume(self) -> None:
        """End the hold, because the service has shown that the account is well.

        A balance may be used up again at once, so its end says nothing of later refusals.

        Raises:
            LedgerUnavailable: Redis can't be reached.
        """
        with translated(self._redis):
            code = cast("str | None", self._redis.hget(self._key, "code"))
            resume(self._redis, self.account)
            if int(code or 0) != BALANCE_USED_UP:
                self._redis.hset(self._key, "well_at", _server_now(self._redis))

    def note_foreign_ids(self) -> None:
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
    with translated(client), client.pipeline() as pipeline:
        pipeline.hgetall(client.keyspace.account(account))
        pipeline.scard(client.keyspace.jobs(account))
        pipeline.time()
        fields, jobs, (seconds, microseconds) = pipeline.execute()
    held, throttles = fields.get("held", ""), round(_number(fields, "throttles"))
    if not held:
        return AccountStatus(account, "", throttles, jobs)
    held_s = seconds + microseconds / 1e6 - _number(fields, "held_since", seconds)
    return AccountStatus(account, held, throttles, jobs, max(held_s, 0.0), _end_of(fields))


def resume(client: Client, account: str) -> bool:
    """End an account's hold; its submits go on within a minute.

    Returns:
        Whether it was on hold.

    Raises:
        LedgerUnavailable: Redis can't be reached.
    """
    with translated(client), client.pipeline() as pipeline:
        pipeline.hdel(client.keyspace.account(account), "held")
        pipeline.hdel(client.keyspace.account(account), *_HOLD_FIELDS)
        was_held, _ = pipeline.execute()
    return bool(was_held)


def _server_now(client: Client) -> float:
    seconds, microseconds = client.time()
    return seconds + microseconds / 1e6


def _end_of(fields: Mapping[str, str]) -> str:
    every = f"every {_number(fields, 'check_s'):g} s"
    return f"a submit probes {every}" if "by_submit" in fields else f"the account is asked {every}"


def _spread(wait_s: float) -> float:
    """A little later than asked for, each by a time of its own: they must not come all at once."""
    return wait_s + random.random() * min(wait_s / 2, _MOST_SPREAD_S)  # noqa: S311 - no secret


def _number(fields: Mapping[str, str], name: str, default: float = 0.0) -> float:
    """A field as a number; a damaged one is none, and stops nobody."""
    try:
        number = float(fields.get(name, default))
    except ValueError:
        return default
    return number if math.isfinite(number) else default
