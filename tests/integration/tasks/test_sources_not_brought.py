"""A source that can't be brought to the service: tried later, held, or given up, and never paid."""

from __future__ import annotations

import pytest

from conveyor import State, names
from conveyor.convertapi.client import ConvertApi
from conveyor.convertapi.errors import ComeLater, Refused, Unclear, Unreachable
from conveyor.domain.conversion import FailureKind, Reason
from conveyor.errors import StorageError
from conveyor.ledger.accounts import status_of
from conveyor.ledger.keys import Keys
from conveyor.storage.marker import OtherStorage

KEYS = Keys()

DAY_S = 24 * 3600.0
SUBMIT_S = 7200.0
STEP_S = 0.2


@pytest.fixture
def tried(worker, conveyor, document, client, monkeypatch):
    """Have a conversion's upload end so, after it has waited so long; the handle."""

    def run(error, waited_s=0.0, failures=0):
        def upload(*_args, **_options):
            raise error

        monkeypatch.setattr(ConvertApi, "upload", upload)
        handle = conveyor.convert(document, to="html")
        key = KEYS.conversion(handle.id)
        client.hincrbyfloat(key, "created_at", -waited_s)
        client.hset(key, "consecutive_failures", failures)
        worker.drop()
        worker.ring(names.SUBMIT)
        return handle

    return run


@pytest.fixture
def due_in_s(client):
    """How long until it is due to be submitted."""

    def look(handle):
        seconds, microseconds = client.time()
        return client.zscore(KEYS.due("submit"), handle.id) - seconds - microseconds / 1e6

    return look


@pytest.fixture(autouse=True)
def _nothing_is_paid_and_nobody_is_in(request, client, sandbox):
    yield
    assert sandbox.audit()["paid"] == 0
    for key in client.scan_iter(f"{KEYS.prefix}turnstile:*"):
        assert client.get(key) == "left"


@pytest.mark.parametrize(
    ("error", "failures", "wait_s"),
    [
        (Unreachable("no connection"), 0, STEP_S),
        (Unclear("cut"), 1, 2 * STEP_S),
        (Unclear("cut"), 5, 3 * STEP_S),
        (StorageError("The storage is away."), 0, STEP_S),
        (ComeLater(503, None), 0, STEP_S),
        (ComeLater(503, 40.0), 0, 40.0),
        (ComeLater(503, 1e9), 0, 3600.0),
    ],
    ids=lambda value: str(value)[:40],
)
def test_upload_that_may_go_well_later_is_tried_again_after(
    tried, due_in_s, error, failures, wait_s
):
    handle = tried(error, failures=failures)

    assert handle.get().state is State.QUEUED
    assert handle.progress().note == f"the source could not be uploaded: {error}"
    assert not handle.progress().held
    assert wait_s - 20 < due_in_s(handle) <= 1.2 * wait_s + 0.2


@pytest.mark.parametrize(
    ("error", "ends"),
    [
        (Unclear("cut"), (FailureKind.SERVICE, Reason.WAITED_TOO_LONG)),
        (StorageError("The storage is away."), (FailureKind.STORAGE, Reason.STORAGE)),
    ],
    ids=["service", "storage"],
)
def test_upload_that_has_failed_for_two_hours_ends_the_conversion_by_whose_fault_it_was(
    tried, error, ends
):
    handle = tried(error, waited_s=SUBMIT_S + 1)
    failure = handle.get().failure

    assert handle.get().state is State.FAILED
    assert (failure.kind, failure.reason) == ends
    assert failure.message.startswith(
        f"Not submitted in 2.0 h: the source could not be uploaded: {error}. Nothing was paid."
    )


def test_upload_to_another_storage_is_held_for_a_worker_that_has_the_right_one(tried, due_in_s):
    handle = tried(OtherStorage("not this one"), waited_s=SUBMIT_S + 1)

    assert handle.get().state is State.QUEUED
    assert handle.progress().held
    assert 1 - 20 < due_in_s(handle) <= 1


def test_upload_that_no_worker_could_do_for_a_week_ends_the_conversion(tried):
    handle = tried(OtherStorage("not this one"), waited_s=7 * DAY_S + 1)
    failure = handle.get().failure

    assert (failure.kind, failure.reason) == (FailureKind.STORAGE, Reason.STORAGE)
    assert failure.message == (
        "Not submitted in 7.0 days: the source could not be uploaded: not this one. Nothing was "
        "paid. Repair that, then replay it."
    )


def test_upload_that_is_refused_for_the_document_ends_the_conversion(tried):
    failure = tried(Refused(415, 5007, "No such format.")).get().failure

    assert (failure.kind, failure.reason) == (FailureKind.INPUT, Reason.UNSUPPORTED)
    assert "No such format." in failure.message
    assert (failure.status, failure.code) == (415, 5007)


def test_upload_that_is_refused_for_the_account_holds_it_and_keeps_the_first_place(
    worker, tried, due_in_s, client
):
    handle = tried(Refused(401, 4010, "Invalid user credentials."))
    account = worker.services.governor.account

    assert handle.get().state is State.QUEUED
    assert handle.progress().held
    assert status_of(client, account).held
    assert client.hget(KEYS.account(account), "prober") == handle.id
    assert worker.services.ledger.get(handle.id).denials == 0
    assert due_in_s(handle) <= 0


def test_upload_that_is_refused_while_the_account_is_known_to_be_well_counts_on_the_conversion(
    worker, tried, client
):
    account = KEYS.account(worker.services.governor.account)
    client.hset(account, "well_at", client.time()[0])
    handle = tried(Refused(401, 4010, "Invalid user credentials."))

    assert worker.services.ledger.get(handle.id).denials == 1
