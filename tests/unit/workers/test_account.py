"""What answers say of the account reaches the governor, and so the whole fleet."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from conveyor.convertapi.client import Account
from conveyor.convertapi.errors import Unreachable
from conveyor.domain import rules
from conveyor.domain.answers import (
    Failed,
    Finished,
    Lost,
    Result,
    Started,
    Throttled,
    Unreadable,
    Unsent,
)
from conveyor.domain.conversion import Failure, FailureKind, Reason
from conveyor.ledger.governor import Admission
from tests.unit.workers.parts import entry_of
from workers.account import (
    check_account,
    hold_account,
    may_be_its_own,
    tell_governor,
    throttled_for_s,
)

REFUSED = Failed(401, 4010, "No such secret.")


def _account(*, active=True):
    return Account(active=active, conversions_total=500, conversions_consumed=7)


@pytest.mark.parametrize(
    ("active", "is_proof", "done"),
    [
        (True, True, ["governor.is_proof", "governor.resume"]),
        (True, False, ["governor.is_proof", "governor.probe_by_submit"]),
        (False, True, ["governor.is_proof"]),
        (False, False, ["governor.is_proof"]),
    ],
)
def test_account_ends_its_hold_by_a_proof_alone(*, rig, active, is_proof, done):
    rig.api.answers["user"] = _account(active=active)
    rig.governor.answers["is_proof"] = is_proof
    check_account(rig.services)

    assert rig.names("governor") == done
    assert rig.the("governor.is_proof") == {"counters": "7/500"}


def test_account_that_can_not_be_asked_is_probed_by_a_submit(rig):
    rig.api.answers["user"] = Unreachable("away")
    check_account(rig.services)

    assert rig.names("governor") == ["governor.probe_by_submit"]


@pytest.mark.parametrize(
    ("answer", "probe", "done"),
    [
        (REFUSED, False, ["governor.refused"]),
        (REFUSED, True, ["governor.refused"]),
        (Started("ours"), True, ["governor.resume"]),
        (Finished(Result(1, ())), True, ["governor.resume"]),
        (Unreadable("no files", "{}"), True, ["governor.resume"]),
        (Failed(415, 5001, "No such format."), True, ["governor.resume"]),
        (Throttled(), True, []),
        (Lost("cut"), True, []),
        (Unsent("no route"), True, []),
        (Started("ours"), False, []),
        (Failed(415, 5001, "No such format."), False, []),
    ],
)
def test_answer_to_a_probe_ends_the_hold_where_it_proves_something(rig, answer, probe, done):
    tell_governor(rig.services, Admission(probe=probe), entry_of(job_id="ours"), answer)

    assert rig.names("governor") == done
    assert all(given == {"conversion_id": "c1"} for given in rig.given("governor.refused"))


@pytest.mark.parametrize(
    ("answer", "known", "is_told"),
    [
        (Started("theirs"), False, True),
        (Started("theirs"), True, False),
        (Started("ours"), False, False),
        (Finished(Result(1, ())), False, False),
    ],
)
def test_service_with_job_ids_of_its_own_is_told_of_once(rig, answer, known, is_told):
    tell_governor(rig.services, Admission(foreign_ids=known), entry_of(job_id="ours"), answer)

    assert bool(rig.given("governor.record_foreign_ids")) is is_told


@pytest.mark.parametrize(
    ("is_new", "logged"), [(True, "account_held"), (False, "account_still_held")]
)
def test_hold_is_logged_as_an_error_once(rig, is_new, logged):
    rig.governor.answers["hold"] = is_new
    refused = Failure(FailureKind.ACCOUNT, "No such secret.", code=4010, reason=Reason.CREDENTIALS)
    with capture_logs() as logs:
        hold_account(rig.services, refused)

    assert rig.the("governor.hold") == {
        "reason": "No such secret.",
        "code": 4010,
        "because": Reason.CREDENTIALS,
    }
    assert [line["event"] for line in logs] == [logged]


@pytest.mark.parametrize(
    ("code", "well", "its_own"),
    [(4010, True, True), (4010, False, False), (rules.BALANCE_USED_UP, True, False)],
)
def test_refusal_may_be_one_conversions_own_where_the_account_is_well(code, well, its_own):
    failure = Failure(FailureKind.ACCOUNT, "No.", code=code)

    assert may_be_its_own(failure, Admission(well=well)) is its_own


@pytest.mark.parametrize(
    ("failures", "asked_s", "wait_s"),
    [(0, None, 5.05), (1, None, 10), (2, 3.0, 15), (0, 50.0, 50), (0, 4000.0, 3600)],
)
def test_throttled_submit_waits_as_asked_for_an_hour_at_most(
    *, rig, steady, failures, asked_s, wait_s
):
    rig.governor.answers["throttled"] = 1.0

    assert throttled_for_s(rig.services, failures, asked_s) == pytest.approx(wait_s)
    assert rig.names("governor") == ["governor.throttled"]
