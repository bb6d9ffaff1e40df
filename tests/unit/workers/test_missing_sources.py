"""A conversion whose sources can't be brought to the service fails, waits, or is held."""

from __future__ import annotations

import pytest

from conveyor.convertapi.errors import ComeLater, Refused, Unreachable
from conveyor.domain import rules
from conveyor.domain.conversion import FailureKind, State
from conveyor.errors import InvalidRequest, StorageError
from conveyor.ledger.governor import Admission
from conveyor.storage.marker import OtherStorage
from tests.unit.workers.parts import NOW, entry_of, pass_of
from workers.missing_sources import record_without_sources

NOTED = entry_of(note="noted")
HOURS = 3600.0
DAYS = 24 * HOURS


@pytest.fixture
def record(rig, steady):
    """Record that a queued conversion's sources could not be brought."""
    rig.ledger.answers.update(failed=NOTED, submit_later=NOTED)
    rig.governor.answers["throttled"] = 1.0

    def run(error, *, well=False, waiting_s=0.0, **fields):
        entry = entry_of(state=State.QUEUED, since=NOW - waiting_s, **fields)
        passed = pass_of(entry, spacing_ms=0, is_poll=False)
        assert record_without_sources(rig.services, passed, error, Admission(well=well)) is NOTED
        return {"entry": entry, "leaving": passed.leaving}

    return run


@pytest.mark.parametrize(
    "error", [InvalidRequest("It is empty."), Refused(400, 4000, "No such file.")]
)
def test_document_that_can_not_be_mended_ends_the_conversion(rig, record, error):
    common = record(error)
    given = rig.the("ledger.failed")
    failure = given.pop("failure")

    assert failure.kind is FailureKind.INPUT
    assert failure.message.startswith(("It is empty.", "No such file."))
    assert given == {"cost": 0, **common}
    assert rig.names("governor") == []


@pytest.mark.parametrize("well", [False, True])
def test_refused_account_is_held_and_its_submit_comes_first(rig, record, well):
    common = record(Refused(401, 4010, "No such secret."), well=well)
    given = rig.the("ledger.submit_later")

    assert given.pop("note").startswith("No such secret. ")
    assert given == {"delay_s": 0, "held": True, "first": True, "denied": well, **common}
    assert rig.the("governor.refused") == {"conversion_id": "c1"}
    assert rig.the("governor.hold")["code"] == 4010


def test_conversion_that_a_well_account_refuses_twice_fails(rig, record):
    record(Refused(401, 4010, "Not in your plan."), well=True, denials=2)

    assert rig.the("ledger.failed")["failure"].kind is FailureKind.ACCOUNT
    assert rig.given("governor.hold") == []


def test_used_up_balance_is_not_the_conversions_own(rig, record):
    record(Refused(402, rules.BALANCE_USED_UP, "Used up."), well=True)

    assert rig.the("ledger.submit_later")["denied"] is False


@pytest.mark.parametrize(
    ("error", "failures", "delay_s", "throttles"),
    [
        (Unreachable("no route"), 0, 5.05, 0),
        (Unreachable("no route"), 1, 10, 0),
        (StorageError("Can't read it."), 2, 15, 0),
        (ComeLater(503, 40.0), 0, 40, 1),
        (ComeLater(503, None), 1, 10, 1),
    ],
)
def test_upload_that_may_succeed_later_is_tried_later(
    *, rig, record, error, failures, delay_s, throttles
):
    common = record(error, consecutive_failures=failures)
    given = rig.the("ledger.submit_later")

    assert given.pop("delay_s") == pytest.approx(delay_s)
    assert given == {
        "note": f"the source could not be uploaded: {error}",
        "held": False,
        "first": False,
        "denied": False,
        **common,
    }
    assert len(rig.given("governor.throttled")) == throttles


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (Unreachable("no route"), FailureKind.SERVICE),
        (StorageError("Can't read it."), FailureKind.STORAGE),
    ],
)
def test_source_that_could_not_be_uploaded_for_hours_ends_the_conversion(rig, record, error, kind):
    common = record(error, waiting_s=2 * HOURS)
    given = rig.the("ledger.failed")
    failure = given.pop("failure")

    assert failure.kind is kind
    assert f"the source could not be uploaded: {error}" in failure.message
    assert given == {"cost": 0, **common}


@pytest.mark.parametrize(("times", "delay_s"), [(0, 1), (8, 1), (10, 4)])
def test_worker_with_another_storage_leaves_it_to_others(*, rig, record, times, delay_s):
    # Its patience is that for the account: the operator has something to repair.
    common = record(OtherStorage("Not ours."), consecutive_failures=times, waiting_s=3 * HOURS)

    assert rig.the("ledger.submit_later") == {
        "delay_s": delay_s,
        "note": "the source could not be uploaded: Not ours.",
        "held": True,
        "first": False,
        "denied": False,
        **common,
    }


def test_storage_that_nobody_repairs_ends_the_conversion(rig, record):
    common = record(OtherStorage("Not ours."), waiting_s=7 * DAYS)
    given = rig.the("ledger.failed")
    failure = given.pop("failure")

    assert failure.kind is FailureKind.STORAGE
    assert "Not ours." in failure.message
    assert given == {"cost": 0, **common}
