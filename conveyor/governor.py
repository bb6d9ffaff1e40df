"""The governor: what an account may do now is one fact for the whole fleet, kept in Redis.

A throttle makes all submits wait; a used-up balance or wrong credentials hold them, so that nothing
is lost and nothing is burnt; a limit bounds the jobs at the service.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

import redis

from conveyor.ledger import keys, script, translated

__all__ = ["AccountStatus", "Gate", "Governor", "accounts", "resume", "status_of"]

# How often a held account is checked, and how often its submits look, in steps of the spacing:
# half a minute at the service's 5 s.
_HELD_STEPS: Final = 6


@dataclass(frozen=True, slots=True)
class Gate:
    """Whether a conversion may be submitted now.

    Attributes:
        wait_s: 0 when it may; else seconds until it may ask again.
        reason: Why not, in words.
        held: Whether the account is on hold.
        must_check: Whether it is ours to check if the hold can end.
        throttles: Throttles in a row so far.
        foreign_ids: Whether the service was seen to answer with job ids of its own.
    """

    wait_s: float = 0.0
    reason: str = ""
    held: bool = False
    must_check: bool = False
    probe: bool = False
    throttles: int = 0
    foreign_ids: bool = False


@dataclass(frozen=True, slots=True)
class AccountStatus:
    """An account as the operator sees it.

    Attributes:
        account: Its fingerprint.
        held: Why it is on hold; empty when it is not.
        throttles: Throttles in a row.
        jobs: Conversions that the service works on.
    """

    account: str
    held: str
    throttles: int
    jobs: int


class Governor:
    """One account's.

    Args:
        client: Redis.
        account: The account's fingerprint.
        spacing_s: The step of the waits.
        limit: Of jobs at the service at once; 0 for none.
    """

    def __init__(self, client: redis.Redis, account: str, spacing_s: float, limit: int) -> None:
        self._redis = client
        self.account = account
        self._step_s = spacing_s
        self._limit = limit
        self._gate = client.register_script(script("gate"))
        self._throttle = client.register_script(script("throttle"))

    def ask(self, conversion_id: str) -> Gate:
        """Ask whether a conversion may be submitted now; if so it counts as a job from here on.

        Args:
            conversion_id: The conversion.

        Raises:
            LedgerUnavailable: Redis can't be reached.
        """
        held_s = self._step_s * _HELD_STEPS
        with translated(self._redis):
            answer, *details = cast(
                "list[Any]",
                self._gate(
                    keys=[
                        keys.account(self.account),
                        keys.jobs(self.account),
                        keys.conversion(conversion_id),
                        keys.ACCOUNTS,
                    ],
                    args=[conversion_id, self._limit, held_s, self.account],
                ),
            )
        if answer == "held":
            reason, check = details
            note = f"the account is on hold: {reason}"
            return Gate(_spread(held_s), note, held=True, must_check=bool(check))
        if answer == "throttled":
            return Gate(_spread(details[0] / 1000), "ConvertAPI is throttling the account")
        if answer == "full":
            return Gate(_spread(self._step_s), f"the account's {self._limit} jobs are running")
        throttles, foreign_ids = details
        return Gate(throttles=throttles, foreign_ids=bool(foreign_ids))

    def release(self, conversion_id: str) -> None:
        """Take back what `ask` allowed: nothing was submitted."""
        with translated(self._redis):
            self._redis.srem(keys.jobs(self.account), conversion_id)

    def throttled(self, retry_after_s: float | None = None) -> float:
        """Note a throttle.

        Returns:
            Seconds until the next submit: 5, 10, 15 and so on at the service's spacing, and jitter.

        Raises:
            LedgerUnavailable: Redis can't be reached.
        """
        with translated(self._redis):
            wait_ms = self._throttle(
                keys=[keys.account(self.account), keys.COUNTS], args=[self._step_s]
            )
        return _spread(max(wait_ms / 1000, retry_after_s or 0))

    def recovered(self) -> None:
        """Note that the service takes jobs again."""
        with translated(self._redis):
            self._redis.hdel(keys.account(self.account), "throttles", "throttled_until")

    def hold(self, reason: str) -> None:
        """Hold all submits of the account.

        Args:
            reason: What the service says, and the cure.
        """
        with translated(self._redis):
            self._redis.hset(keys.account(self.account), "held", reason)
            self._redis.sadd(keys.ACCOUNTS, self.account)

    def resume(self) -> None:
        """End the hold."""
        resume(self._redis, self.account)

    def note_foreign_ids(self) -> None:
        """Note that the service answers with job ids of its own: ours can't be asked for."""
        with translated(self._redis):
            self._redis.hset(keys.account(self.account), "foreign_ids", 1)


def accounts(client: redis.Redis) -> list[AccountStatus]:
    """The accounts that the workers submit for.

    Raises:
        LedgerUnavailable: Redis can't be reached.
    """
    with translated(client):
        known = cast("set[str]", client.smembers(keys.ACCOUNTS))
    return [status_of(client, account) for account in sorted(known)]


def status_of(client: redis.Redis, account: str) -> AccountStatus:
    """How an account stands."""
    with translated(client):
        fields = cast("Mapping[str, str]", client.hgetall(keys.account(account)))
        jobs = client.scard(keys.jobs(account))
    return AccountStatus(account, fields.get("held", ""), int(fields.get("throttles", 0)), jobs)


def resume(client: redis.Redis, account: str) -> bool:
    """End an account's hold; its submits go on within a minute.

    Returns:
        Whether it was on hold.
    """
    with translated(client):
        return bool(client.hdel(keys.account(account), "held", "checked_at"))


def _spread(wait_s: float) -> float:
    """A little later than asked for, each by a time of its own: they must not come all at once."""
    return wait_s * (1 + random.random() * 0.5)  # noqa: S311 - no secret
