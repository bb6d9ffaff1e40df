"""What a submit's answer says of the account, told to the governor and so to the whole fleet."""

from __future__ import annotations

import structlog

from conveyor.convertapi.client import Account
from conveyor.convertapi.errors import ApiError
from conveyor.domain.conversion import Failure, FailureKind
from conveyor.domain.decision import failure_of
from conveyor.domain.outcomes import Failed, Finished, Started, SubmitOutcome, Unreadable
from conveyor.ledger import Entry
from conveyor.ledger.governor import Admission
from workers.wiring import Engine

__all__ = ["check_account", "hold_account", "tell_governor"]

log = structlog.get_logger("conveyor.account")


def check_account(engine: Engine) -> None:
    """Ask how the account is, and end its hold when it is well.

    An API token and a JWT are refused there. Then, and wherever else the answer proves nothing,
    submits probe whether the hold can end.

    Args:
        engine: The parts.

    Raises:
        LedgerUnavailable: Redis can't be reached.
    """
    try:
        account = engine.api.user()
    except ApiError as error:
        _probe(engine, str(error))
        return
    is_proof = engine.governor.is_proof(_counters_of(account))
    if not account.active:
        log.warning("account_still_held", reason="the account is not active")
    elif not is_proof:
        _probe(engine, "the balance was used up, and the account's counters have not changed")
    else:
        log.warning("account_resumed", by="user")
        engine.governor.resume()


def tell_governor(
    engine: Engine, admission: Admission, begun: Entry, outcome: SubmitOutcome
) -> None:
    """What this answer says of the account, the whole fleet shall know.

    A probe that meets a throttle, or whose answer is lost, has shown nothing: the next one will.

    Args:
        engine: The parts.
        admission: How the account stood when it was taken to be submitted.
        begun: The conversion, as it was posted.
        outcome: The answer.

    Raises:
        LedgerUnavailable: Redis can't be reached.
    """
    if _is_refused(outcome):
        engine.governor.refused(begun.id)
    elif admission.probe and isinstance(outcome, Started | Finished | Unreadable | Failed):
        log.warning("account_resumed", by="submit")
        engine.governor.resume()
    if (
        isinstance(outcome, Started)
        and outcome.job_id != begun.job_id
        and not admission.foreign_ids
    ):
        log.warning("foreign_job_ids")
        engine.governor.note_foreign_ids()


def hold_account(engine: Engine, failure: Failure) -> None:
    """Hold the account's submits.

    Args:
        engine: The parts.
        failure: Why, of class ``account``.

    Raises:
        LedgerUnavailable: Redis can't be reached.
    """
    if engine.governor.hold(failure.message, failure.code):
        log.error("account_held", code=failure.code, reason=failure.message)
    else:
        log.warning("account_still_held", code=failure.code, reason=failure.message)


def _probe(engine: Engine, reason: str) -> None:
    log.warning("account_still_held", reason=reason, ends="a submit probes it")
    engine.governor.probe_by_submit()


def _counters_of(account: Account) -> str:
    return f"{account.conversions_consumed}/{account.conversions_total}"


def _is_refused(outcome: SubmitOutcome) -> bool:
    return isinstance(outcome, Failed) and failure_of(outcome).kind is FailureKind.ACCOUNT
