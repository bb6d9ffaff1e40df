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

from dataclasses import dataclass
from typing import Any, Final, cast

from conveyor.domain import rules
from conveyor.domain.schedule import JOB_MARGIN_S
from conveyor.ledger import Client, script, translated
from conveyor.ledger.accounts import resume, status_of
from conveyor.reasons import FailureKind, Reason, reason_called

__all__ = ["Admission", "Governor"]

# How often a held account is checked, and how often its submits look, in steps of the spacing:
# half a minute at the service's 5 s.
_HELD_STEPS: Final = 6


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
            "job_life_s": rules.JOB_LIFE_S + JOB_MARGIN_S,
        }

    def why(self) -> str:
        """What keeps conversions waiting, in words.

        Raises:
            LedgerUnavailable: Redis can't be reached.
        """
        return status_of(self._redis, self.account).why or "the account let none go"

    def because(self) -> Reason:
        """Why a conversion ends that has waited for the account for too long.

        Raises:
            LedgerUnavailable: Redis can't be reached.
        """
        with translated(self._redis):
            row = self._redis.hmget(self._key, "held", "because")
        held, because = cast("list[str | None]", row)
        known = reason_called(because or "", FailureKind.ACCOUNT)
        return known if held and because else Reason.WAITED_TOO_LONG

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

    def hold(self, reason: str, code: int = 0, because: Reason = Reason.WAITED_TOO_LONG) -> bool:
        """Hold all submits of the account.

        Args:
            reason: What the service says, and the cure.
            code: The service's code, 0 where it gave none.
            because: The reason of what outwaits the hold.

        Returns:
            Whether the account was not on hold before.

        Raises:
            LedgerUnavailable: Redis can't be reached.
        """
        with translated(self._redis):
            return bool(
                self._hold(
                    keys=[self._key, self._keys.accounts],
                    args=[self.account, reason or "refused", code, self._check_s, because.value],
                )
            )

    def refused(self, conversion_id: str) -> None:
        """Note which conversion was refused for the account, so that others probe it first."""
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
        return bool(code != str(rules.BALANCE_USED_UP) or first != counters)

    def resume(self) -> None:
        """End the hold, because the service has shown that the account is well.

        A balance may be used up again at once, so its end says nothing of later refusals.

        Raises:
            LedgerUnavailable: Redis can't be reached.
        """
        with translated(self._redis):
            code = cast("str | None", self._redis.hget(self._key, "code"))
            resume(self._redis, self.account)
            if code != str(rules.BALANCE_USED_UP):
                self._redis.hset(self._key, "well_at", _server_now(self._redis))

    def record_foreign_ids(self) -> None:
        """Note that the service answers with job ids of its own: ours can't be asked for."""
        with translated(self._redis):
            self._redis.hset(self._key, "foreign_ids", 1)


def _server_now(client: Client) -> float:
    seconds, microseconds = client.time()
    return seconds + microseconds / 1e6
