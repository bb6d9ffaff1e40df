"""Passes what an answer says about the account to the governor, and so to the whole fleet."""

from __future__ import annotations

from typing import Final

import structlog

from conveyor.convertapi.account import Account
from conveyor.convertapi.errors import ApiError
from conveyor.domain import retries, rules
from conveyor.domain.answers import Failed, Finished, Started, SubmitAnswer, Unreadable
from conveyor.domain.conversion import Failure, FailureKind
from conveyor.domain.failures import failure_of
from conveyor.ledger import Entry
from conveyor.ledger.governor import Admission
from workers.services import Services

__all__ = [
    "check_account",
    "hold_account",
    "may_be_its_own",
    "tell_governor",
    "throttled_for_s",
]

# A service that asks for more patience than that is asked again all the same.
_LONGEST_THROTTLE_S: Final = 3600.0

log = structlog.get_logger("conveyor.account")


def check_account(services: Services) -> None:
    """Ask how the account is, and end its hold when it is well.

    An API token and a JWT are refused there. Then, and wherever else the answer proves nothing,
    submits probe whether the hold can end.

    Args:
        services: What the process works with.

    Raises:
        LedgerUnavailable: Redis can't be reached.
    """
    try:
        account = services.api.user()
    except ApiError as error:
        _probe(services, str(error))
        return
    is_proof = services.governor.is_proof(_counters_of(account))
    if not account.active:
        log.warning("account_still_held", reason="the account is not active")
    elif not is_proof:
        _probe(services, "the balance was used up, and the account's counters have not changed")
    else:
        log.warning("account_resumed", by="user")
        services.governor.resume()


def tell_governor(
    services: Services, admission: Admission, begun: Entry, answer: SubmitAnswer
) -> None:
    """Pass what this answer says about the account to the whole fleet.

    A probe that meets a throttle, or whose answer is lost, has shown nothing: the next one will.

    Args:
        services: What the process works with.
        admission: How the account stood when it was taken to be submitted.
        begun: The conversion, as it was posted.
        answer: The answer.

    Raises:
        LedgerUnavailable: Redis can't be reached.
    """
    if _is_refused(answer):
        services.governor.refused(begun.id)
    elif admission.probe and isinstance(answer, Started | Finished | Unreadable | Failed):
        log.warning("account_resumed", by="submit")
        services.governor.resume()
    if isinstance(answer, Started) and answer.job_id != begun.job_id and not admission.foreign_ids:
        log.warning("foreign_job_ids_seen")
        services.governor.record_foreign_ids()


def hold_account(services: Services, failure: Failure) -> None:
    """Hold the account's submits.

    Args:
        services: What the process works with.
        failure: Why, of class ``account``.

    Raises:
        LedgerUnavailable: Redis can't be reached.
    """
    if services.governor.hold(failure.message, failure.code, failure.reason):
        log.error("account_held", code=failure.code, reason=failure.message)
    else:
        log.warning("account_still_held", code=failure.code, reason=failure.message)


def may_be_its_own(failure: Failure, admission: Admission) -> bool:
    """Whether a refusal may be meant for one conversion alone; a used-up balance never is.

    Args:
        failure: The refusal.
        admission: How the account stood when the conversion was taken.
    """
    return admission.well and failure.code != rules.BALANCE_USED_UP


def throttled_for_s(
    services: Services, consecutive_failures: int, retry_after_s: float | None
) -> float:
    """Note a throttle: many slow the fleet down, and this one waits as long as the service asks.

    Args:
        services: What the process works with.
        consecutive_failures: Submits of the conversion in a row that started nothing.
        retry_after_s: What the service asks for, seconds; None where it names none.

    Returns:
        How long the conversion waits, seconds.

    Raises:
        LedgerUnavailable: Redis can't be reached.
    """
    rate = services.governor.throttled()
    log.info("throttled", rate=round(rate, 2))
    least_s = retries.retry_submit(services.spacing_s, consecutive_failures)
    return max(least_s, min(retry_after_s or 0.0, _LONGEST_THROTTLE_S))


def _probe(services: Services, reason: str) -> None:
    log.warning("account_still_held", reason=reason, ends="a submit probes it")
    services.governor.probe_by_submit()


def _counters_of(account: Account) -> str:
    return f"{account.conversions_consumed}/{account.conversions_total}"


def _is_refused(answer: SubmitAnswer) -> bool:
    return isinstance(answer, Failed) and failure_of(answer).kind is FailureKind.ACCOUNT
