"""What a submit's answer says of the account, told to the governor and so to the whole fleet."""

from __future__ import annotations

import structlog

from conveyor import schedule
from conveyor.conversion import Failure
from conveyor.governor import Gate
from conveyor.ledger import Entry
from conveyor.protocol import ApiError
from conveyor.protocol.outcomes import Finished, Started, SubmitOutcome
from workers.wiring import Engine

__all__ = ["check_account", "hold_account", "tell_governor"]

log = structlog.get_logger("conveyor.account")


def check_account(engine: Engine) -> None:
    """End a hold when the service says that the account works again."""
    try:
        account = engine.api.user()
    except ApiError as error:
        log.warning("account_still_held", reason=str(error))
        return
    if account.active and account.conversions_consumed < account.conversions_total:
        log.warning("account_resumed")
        engine.governor.resume()


def tell_governor(engine: Engine, gate: Gate, begun: Entry, outcome: SubmitOutcome) -> None:
    """What this answer says of the account, the whole fleet shall know."""
    if isinstance(outcome, Started | Finished) and gate.throttles:
        engine.governor.recovered()
    if isinstance(outcome, Started) and outcome.job_id != begun.job_id and not gate.foreign_ids:
        log.warning("foreign_job_ids")
        engine.governor.note_foreign_ids()


def hold_account(engine: Engine, failure: Failure) -> float:
    """Hold the account's submits; return when this one asks again."""
    log.error("account_held", code=failure.code, reason=failure.message)
    engine.governor.hold(failure.message)
    return schedule.retry_submit(engine.spacing_s, 0)
