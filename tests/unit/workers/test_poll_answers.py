"""Each answer to a poll becomes one note in the ledger, with all that it has to say."""

from __future__ import annotations

import pytest

from conveyor.domain.answers import Busy, Failed, Finished, InProgress, Lost, NotFound, Result
from conveyor.domain.conversion import FailureKind
from conveyor.domain.durations import Expectation
from conveyor.ledger import Tenure
from conveyor.ledger.tenure import Leaving
from tests.unit.workers.parts import NOW, entry_of, pass_of
from workers.poll_answers import Polled, record_poll

NOTED = entry_of(note="noted")
TAKING = Tenure("taking", 13_000)


@pytest.fixture
def record(rig, steady):
    """Record an answer to a poll of a job that is a hundred seconds old."""
    for transition in ("ready", "failed", "expired", "put_back", "poll_later"):
        rig.ledger.answers[transition] = NOTED

    def run(answer, taking=None, took_s=0.0, age_s=100.0, **entry):
        polled = entry_of(
            job_id="ours", **{"confirmed": True, "submitted_at": NOW - age_s, **entry}
        )
        passed = pass_of(polled)
        assert record_poll(rig.services, Polled(passed, answer, took_s), taking) is NOTED
        return polled, passed.leaving

    return run


def test_result_is_noted_with_the_lease_that_begins(rig, record):
    result = Result(2, ())
    polled, leaving = record(Finished(result), taking=TAKING)

    assert rig.the("ledger.ready") == {
        "entry": polled,
        "result": result,
        "leaving": leaving,
        "taking": TAKING,
    }


def test_job_at_work_is_polled_again_after_a_fifth_of_its_age(rig, record):
    polled, leaving = record(InProgress())

    given = rig.the("ledger.poll_later")
    assert given.pop("delay_s") == pytest.approx(20)
    assert given == {
        "entry": polled,
        "confirmed": True,
        "failed": False,
        "missing": False,
        "note": "",
        "leaving": leaving,
    }


def test_job_that_was_looked_at_to_learn_is_polled_next_where_such_jobs_end(rig, record):
    rig.ledger.expected_durations.answers["of"] = Expectation(tuple(150.0 for _ in range(25)))
    record(InProgress())

    assert rig.the("ledger.poll_later")["delay_s"] == pytest.approx(50)


@pytest.mark.parametrize(("asked_s", "delay_s", "closed_ms"), [(40, 40, 40_000), (3, 20, 5020)])
def test_busy_service_is_left_alone_as_long_as_it_asks(*, rig, record, asked_s, delay_s, closed_ms):
    record(Busy(asked_s))

    given = rig.the("ledger.poll_later")
    assert given["delay_s"] == pytest.approx(delay_s)
    assert given["note"] == "ConvertAPI was busy"
    assert (given["confirmed"], given["failed"]) == (False, False)
    # A webhook that comes meanwhile does not open the way any sooner.
    assert given["leaving"] == Leaving("mine", closed_ms, True)


@pytest.mark.parametrize(
    ("failures", "took_s", "delay_s"),
    # Of the longer wait, a poll that timed out has spent a part.
    [(0, 0, 20), (2, 0, 40), (2, 8, 32), (1, 0, 20)],
)
def test_silence_makes_the_wait_longer_by_how_often_it_was(
    *, rig, record, failures, took_s, delay_s
):
    record(Lost("timed out"), took_s=took_s, consecutive_failures=failures)

    given = rig.the("ledger.poll_later")
    assert given["delay_s"] == pytest.approx(delay_s)
    assert (given["failed"], given["missing"], given["note"]) == (True, False, "timed out")


@pytest.mark.parametrize(("age_s", "delay_s"), [(100, 20), (1, 5.05)])
def test_success_after_silence_is_not_made_to_wait_for_it(*, rig, record, age_s, delay_s):
    record(InProgress(), age_s=age_s, consecutive_failures=6)

    assert rig.the("ledger.poll_later")["delay_s"] == pytest.approx(delay_s)


@pytest.mark.parametrize(("age_s", "delay_s"), [(100, 20), (30, 6), (1, 5.05), (110, 10)])
def test_unknown_job_is_asked_for_again_when_that_proves_something(*, rig, record, age_s, delay_s):
    record(
        NotFound(),
        age_s=age_s,
        confirmed=False,
        unclear="timeout",
        unclear_at=NOW - age_s,
        submits=1,
    )

    given = rig.the("ledger.poll_later")
    assert given["delay_s"] == pytest.approx(delay_s)
    assert (given["missing"], given["failed"], given["confirmed"]) == (True, False, False)


PROVED = {
    "confirmed": False,
    "missing": 1,
    "missing_at": NOW - 200,
    "unclear": "timeout",
    "unclear_at": NOW - 200,
    "base_url": "https://eu-v2.convertapi.com",
    "submits": 1,
}
PUT_BACK = {"held": False, "denied": False}


def test_submit_that_was_proved_lost_is_posted_again_with_its_id(rig, record):
    polled, leaving = record(NotFound(), age_s=200, **PROVED)

    given = rig.the("ledger.put_back")
    assert given.pop("delay_s") == pytest.approx(5.05)
    assert given.pop("note") == "the submit did not arrive"
    assert given == {
        "entry": polled,
        "lost": True,
        "pays_anew": False,
        "reupload": False,
        "leaving": leaving,
        **PUT_BACK,
    }


def test_submit_that_was_lost_several_times_waits_longer(rig, record):
    record(NotFound(), age_s=200, **PROVED, consecutive_failures=1)

    assert rig.the("ledger.put_back")["delay_s"] == pytest.approx(10)


def test_old_job_that_is_gone_is_paid_anew_at_once(rig, record):
    polled, leaving = record(NotFound(), age_s=200, **PROVED, asking=True)

    assert rig.the("ledger.put_back") == {
        "entry": polled,
        "delay_s": 0,
        "note": "ConvertAPI does not know the old job",
        "lost": False,
        "pays_anew": True,
        "reupload": False,
        "leaving": leaving,
        **PUT_BACK,
    }


def test_job_without_its_uploads_is_replaced_at_once(rig, record):
    record(Failed(400, 5009, "No such file."), uploads={"0": "f" * 32})
    given = rig.the("ledger.put_back")

    assert (given["delay_s"], given["lost"], given["pays_anew"]) == (0, False, False)
    assert given["reupload"] is True


def test_failed_job_ends_the_conversion(rig, record):
    polled, leaving = record(Failed(500, 5003, "Damaged."))

    given = rig.the("ledger.failed")
    assert given.pop("failure").code == 5003
    assert given == {"entry": polled, "cost": 0, "leaving": leaving}


def test_result_that_breaks_off_again_and_again_ends_the_conversion_as_paid(rig, record):
    record(Lost("cut", paid=True), consecutive_failures=6)

    assert rig.the("ledger.failed")["cost"] == 1


def test_job_that_the_service_has_forgotten_expires(rig, record):
    polled, leaving = record(NotFound(), missing=1, base_url="https://eu-v2.convertapi.com")

    given = rig.the("ledger.expired")
    assert given.pop("failure").kind is FailureKind.EXPIRED
    assert given == {"entry": polled, "leaving": leaving}
