"""Each answer to a POST becomes one note in the ledger, with all that it has to say."""

from __future__ import annotations

import time

import pytest
from structlog.testing import capture_logs

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
from conveyor.domain.conversion import FailureKind
from conveyor.domain.dialect import Dialect
from conveyor.domain.durations import Expectation
from conveyor.ledger import Submission, Tenure
from conveyor.ledger.governor import Admission
from tests.unit.workers.parts import entry_of, pass_of
from workers.posting import Posted
from workers.submit_answers import record_submit

BEFORE = entry_of(note="before")
NOTED = entry_of(note="noted")
TAKING = Tenure("taking", 13_000)
SLOW = Expectation(tuple(100.0 for _ in range(25)))


@pytest.fixture
def record(rig, steady):
    """Record an answer to a POST that went out five seconds ago; what was noted, and the note."""

    def run(answer, admission=None, taking=None, **entry):
        posted = entry_of(job_id="ours", **entry)
        job = Submission("ours", "https://eu-v2.convertapi.com", Dialect.PATH, "shop", False)
        passed = pass_of(posted, spacing_ms=0, is_poll=False)
        given = Posted(BEFORE, job, passed, answer, time.monotonic() - 5.0)
        noted = record_submit(rig.services, given, admission or Admission(), taking)
        return noted, posted, passed.leaving

    return run


def test_started_job_is_noted_with_its_id_and_its_expectation(rig, record):
    rig.ledger.answers["started"] = NOTED
    rig.ledger.expected_durations.answers["of"] = SLOW
    noted, posted, leaving = record(Started("theirs"))

    assert noted is NOTED
    given = rig.the("ledger.started")
    # Of what such a conversion takes, the POST has taken five seconds.
    assert given.pop("delay_s") == pytest.approx(95, abs=1)
    assert given == {
        "entry": posted,
        "job_id": "theirs",
        "expectation": SLOW,
        "leaving": leaving,
    }


def test_started_job_that_will_call_is_polled_late_where_most_have_not_ended(rig, record):
    rig.ledger.answers["started"] = NOTED
    rig.ledger.expected_durations.answers["begin"] = True
    _, posted, _ = record(Started("ours"), webhook=True)

    assert rig.the("ledger.started")["delay_s"] == pytest.approx(30, abs=1)
    assert rig.the("durations.begin")["request"] == posted.request


@pytest.mark.parametrize(("failures", "delay_s"), [(0, 5.05), (2, 15)])
def test_submit_that_was_not_sent_comes_back_in_its_steps(*, rig, record, failures, delay_s):
    rig.ledger.answers["put_back"] = NOTED
    record(Unsent("no route"), consecutive_failures=failures)

    assert rig.the("ledger.put_back")["delay_s"] == pytest.approx(delay_s)
    assert rig.given("governor.throttled") == []


def test_refusal_that_a_well_account_repeats_ends_the_conversion(rig, record):
    rig.ledger.answers["failed"] = NOTED
    record(Failed(401, 4010, "Not in your plan."), Admission(well=True), denials=2)

    assert rig.the("ledger.failed")["failure"].kind is FailureKind.ACCOUNT
    assert rig.given("governor.hold") == []


def test_result_of_a_submit_is_noted_with_the_lease_that_begins(rig, record):
    rig.ledger.answers["ready"] = NOTED
    result = Result(2, ())
    noted, posted, leaving = record(Finished(result), taking=TAKING)

    assert noted is NOTED
    assert rig.the("ledger.ready") == {
        "entry": posted,
        "result": result,
        "leaving": leaving,
        "taking": TAKING,
    }


def test_lost_answer_is_asked_for_after_a_spacing(rig, record):
    rig.ledger.answers["ask_first"] = NOTED
    noted, posted, leaving = record(Lost("cut", closed_at_once=True, paid=True))

    assert noted is NOTED
    given = rig.the("ledger.ask_first")
    assert given.pop("refusal").kind is FailureKind.UNREADABLE
    assert given.pop("delay_s") == pytest.approx(5.05)
    assert given.pop("note") == "the answer to the submit was lost: cut"
    assert given == {"entry": posted, "closed_at_once": True, "leaving": leaving}


@pytest.mark.parametrize(
    ("retry_after_s", "failures", "delay_s"),
    [(None, 0, 5.05), (None, 1, 10), (30.0, 0, 30), (9000.0, 0, 3600), (3.0, 1, 10)],
)
def test_throttled_submit_comes_back_in_its_steps_or_as_the_service_asks(
    *, rig, record, retry_after_s, failures, delay_s
):
    rig.ledger.answers["put_back"] = NOTED
    rig.governor.answers["throttled"] = 2.5
    noted, posted, leaving = record(Throttled(retry_after_s), consecutive_failures=failures)

    assert noted is NOTED
    assert len(rig.given("governor.throttled")) == 1
    given = rig.the("ledger.put_back")
    assert given.pop("delay_s") == pytest.approx(delay_s)
    assert given == {
        "entry": posted,
        "note": "ConvertAPI is throttling",
        "lost": False,
        "held": False,
        "denied": False,
        "pays_anew": False,
        "reupload": False,
        "leaving": leaving,
    }


def test_submit_without_its_uploads_goes_back_at_once_to_upload_again(rig, record):
    rig.ledger.answers["put_back"] = NOTED
    _, _, leaving = record(Failed(400, 5009, "No such file."), uploads={"0": "f" * 32})
    given = rig.the("ledger.put_back")

    assert (given["delay_s"], given["reupload"], given["held"]) == (0, True, False)
    assert given["leaving"] == leaving
    assert rig.given("governor.throttled") == []


@pytest.mark.parametrize("well", [False, True])
@pytest.mark.parametrize(
    ("is_new", "logged"), [(True, "account_held"), (False, "account_still_held")]
)
def test_refused_account_is_held_and_the_conversion_waits_for_it(
    *, rig, record, well, is_new, logged
):
    rig.ledger.answers["put_back"] = NOTED
    rig.governor.answers["hold"] = is_new
    with capture_logs() as logs:
        noted, posted, leaving = record(Failed(401, 4010, "No such secret."), Admission(well=well))

    assert noted is NOTED
    assert [line["event"] for line in logs] == [logged]
    held = rig.the("governor.hold")
    assert held["code"] == 4010
    assert held["reason"].startswith("No such secret. ")
    assert rig.the("ledger.put_back") == {
        "entry": posted,
        "delay_s": 0,
        "note": held["reason"],
        "lost": False,
        "held": True,
        "denied": well,
        "pays_anew": False,
        "reupload": False,
        "leaving": leaving,
    }


def test_used_up_balance_is_never_one_conversions_own(rig, record):
    rig.ledger.answers["put_back"] = NOTED
    record(Failed(402, rules.BALANCE_USED_UP, "Used up."), Admission(well=True))
    denials = [given["denied"] for given in rig.given("ledger.put_back")]

    assert denials == [False]


def test_refused_document_ends_the_conversion(rig, record):
    rig.ledger.answers["failed"] = NOTED
    noted, posted, leaving = record(Failed(415, 5001, "No such format."))

    assert noted is NOTED
    given = rig.the("ledger.failed")
    assert given.pop("failure").kind is FailureKind.INPUT
    assert given == {"entry": posted, "cost": 0, "leaving": leaving}


def test_unreadable_result_ends_the_conversion_with_its_cost(rig, record):
    rig.ledger.answers["failed"] = NOTED
    record(Unreadable("no files", "{}", cost=7))

    assert rig.the("ledger.failed")["cost"] == 7


def test_intent_that_redis_has_lost_is_recorded_again_and_then_the_answer(rig, record):
    begun = entry_of(note="begun")
    rig.ledger.answers["begin_submit"] = begun
    rig.ledger.answers["started"] = lambda entry, **_: NOTED if entry is begun else None
    noted, _, leaving = record(Started("theirs"))

    assert noted is NOTED
    asked = rig.the("ledger.begin_submit")
    assert asked["entry"] is BEFORE
    assert asked["job"].job_id == "ours"
    assert asked["entering"] == Tenure("mine", 13_000)
    assert asked["was_lost"] is True
    first, second = rig.given("ledger.started")
    assert (first["job_id"], second["job_id"]) == ("theirs", "theirs")
    assert second["leaving"] == leaving


def test_answer_of_a_conversion_that_has_moved_on_is_noted_nowhere(rig, record):
    noted, _, _ = record(Finished(Result(1, ())), taking=TAKING)

    assert noted is None
    assert len(rig.given("ledger.ready")) == 1


def test_lease_begins_with_a_result_that_is_noted_the_second_time(rig, record):
    begun = entry_of(note="begun")
    rig.ledger.answers["begin_submit"] = begun
    rig.ledger.answers["ready"] = lambda entry, **_: NOTED if entry is begun else None
    record(Finished(Result(1, ())), taking=TAKING)

    assert [given["taking"] for given in rig.given("ledger.ready")] == [TAKING, TAKING]
