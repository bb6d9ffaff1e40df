"""A refusal for the account is the account's, unless the service has just found it well."""

from __future__ import annotations

import pytest

from conveyor import State
from conveyor.convertapi.client import ConvertApi
from conveyor.domain.answers import Failed
from conveyor.domain.conversion import FailureKind, Reason
from conveyor.ledger.keys import Keys

KEYS = Keys()

REFUSED = Failed(401, 4010, "Invalid user credentials.")
USED_UP = Failed(402, 4014, "The balance is used up.")


@pytest.fixture
def refused(worker, conveyor, document, client, monkeypatch):
    """Have a POST refused so, of one that was refused so often; the handle."""

    def run(answer, denials=0, *, is_well=False):
        monkeypatch.setattr(ConvertApi, "start", lambda *_args, **_options: answer)
        handle = conveyor.convert(document, to="html")
        client.hset(KEYS.conversion(handle.id), "denials", denials)
        if is_well:
            account = KEYS.account(worker.services.governor.account)
            client.hset(account, "well_at", client.time()[0])
        worker.run(worker.waiting()[0])
        return handle

    return run


def test_refusal_of_an_account_that_was_found_well_ends_the_one_that_is_refused_again(refused):
    handle = refused(REFUSED, denials=5, is_well=True)
    failure = handle.get().failure

    assert handle.get().state is State.FAILED
    assert (failure.kind, failure.reason) == (FailureKind.ACCOUNT, Reason.NOT_ALLOWED)
    assert failure.message.endswith("Check whether your plan includes it.")
    assert (failure.code, failure.status) == (4010, 401)


@pytest.mark.parametrize("denials", [0, 5])
def test_refusal_of_an_account_that_nobody_found_well_holds_it_however_often(
    worker, refused, denials
):
    handle = refused(REFUSED, denials=denials)

    assert handle.get().state is State.QUEUED
    assert handle.progress().held
    assert worker.services.ledger.get(handle.id).denials == denials


@pytest.mark.parametrize(("answer", "counted"), [(REFUSED, 1), (USED_UP, 0)], ids=["no", "used up"])
def test_first_refusal_of_an_account_that_was_found_well_counts_unless_its_balance_is_used_up(
    worker, refused, answer, counted
):
    handle = refused(answer, is_well=True)

    assert handle.get().state is State.QUEUED
    assert worker.services.ledger.get(handle.id).denials == counted
