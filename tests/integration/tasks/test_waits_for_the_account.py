"""What has waited for its account for too long ends, and its caller hears why."""

from __future__ import annotations

import pytest

from conveyor import ConversionFailed, State, names
from conveyor.domain.conversion import FailureKind, Reason
from conveyor.ledger.keys import Keys

KEYS = Keys()

DAY_S = 24 * 3600
REASON = "The balance is used up."


@pytest.fixture
def waited(worker, conveyor, document, client):
    """A conversion whose account has been on hold for so many days."""

    def make(days):
        handle = conveyor.convert(document, to="html")
        worker.services.governor.hold(REASON, 4014, Reason.NO_BALANCE)
        client.hincrbyfloat(KEYS.conversion(handle.id), "created_at", -days * DAY_S)
        # Somebody has asked lately how the account is.
        now, _ = client.time()
        client.hset(KEYS.account(worker.services.governor.account), "checked_at", now)
        worker.drop()
        return handle

    return make


def test_conversion_that_outwaits_a_hold_fails_for_the_account_and_nothing_is_paid(
    worker, waited, sandbox, client
):
    handle = waited(days=8)
    worker.ring(names.SUBMIT)
    failure = handle.get().failure

    assert handle.get().state is State.FAILED
    assert (failure.kind, failure.reason) == (FailureKind.ACCOUNT, Reason.NO_BALANCE)
    assert failure.message == (
        f"Not submitted in 7.0 days: the account is on hold: {REASON}. Nothing was paid. "
        "Repair that, then replay it."
    )
    assert sandbox.audit()["paid"] == 0
    with pytest.raises(ConversionFailed, match="Not submitted in") as raised:
        handle.wait(timeout=10)
    assert raised.value.reason is Reason.NO_BALANCE
    # Nobody is in, and nothing is due any more.
    assert client.get(KEYS.turnstile(handle.id)) in (None, "left")
    assert all(client.zscore(key, handle.id) is None for key in KEYS.all_due)


def test_conversion_that_has_waited_for_less_stays_queued_and_says_why(worker, waited, sandbox):
    handle = waited(days=6)
    worker.ring(names.SUBMIT)

    assert handle.get().state is State.QUEUED
    assert (handle.progress().held, handle.progress().note) == (
        True,
        f"the account is on hold: {REASON}",
    )
    assert sandbox.audit()["paid"] == 0
