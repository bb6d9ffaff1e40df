"""Leftovers are deleted batch by batch, and what the service answers decides what comes next."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from conveyor.convertapi.errors import ComeLater, Refused, Unclear, Unreachable, WrongHost
from conveyor.domain.answers import Failed, Finished, InProgress, RemoteFile, Result, Started
from conveyor.domain.conversion import State
from conveyor.domain.dialect import Dialect
from conveyor.ledger.leftovers import Leftover
from tests.unit.workers.parts import entry_of
from workers import cleanup
from workers.cleanup import clean_up, leave_if_cancelled

HOST = "https://eu-v2.convertapi.com"
JOB = Leftover(HOST, Dialect.QUERY, "job")
FILE = Leftover(url="https://v2.convertapi.com/d/file")


@pytest.fixture(autouse=True)
def clock(monkeypatch, steady):
    """A clock that stands still until a test moves it."""
    now = [1000.0]
    monkeypatch.setattr(cleanup, "time", SimpleNamespace(monotonic=lambda: now[0]))
    return now


@pytest.fixture
def clean(rig, monkeypatch):
    """Clean up these batches."""
    monkeypatch.setattr(cleanup, "wired", lambda: rig.services)

    def run(*batches):
        left = iter([*map(list, batches), []])
        rig.ledger.leftovers.answers["claim"] = lambda **_: next(left)
        clean_up()

    return run


def _noted(rig, name):
    return [list(given["leftovers"]) for given in rig.given(f"leftovers.{name}")]


def test_claims_go_on_until_nothing_is_due(rig, clean):
    rig.api.answers.update(delete_job=True, delete_file=True)
    clean([JOB, FILE], [FILE])

    assert _noted(rig, "done") == [[JOB, FILE], [FILE]]
    assert _noted(rig, "give_back") == [[], []]
    # A lease outlasts the whole batch, should the last DELETE never be answered.
    assert rig.given("leftovers.claim") == [{"limit": 8, "lease_s": 30 + 2 * (5 + 30)}] * 3


def test_job_and_file_are_deleted_where_they_are(rig, clean):
    rig.api.answers.update(delete_job=True, delete_file=True)
    clean([JOB, FILE, Leftover(url="/d/relative")])

    assert rig.the("api.delete_job") == {
        "base_url": HOST,
        "dialect": Dialect.QUERY,
        "job_id": "job",
    }
    assert [given["url"] for given in rig.given("api.delete_file")] == [
        "https://v2.convertapi.com/d/file",
        f"{HOST}/d/relative",
    ]


@pytest.mark.parametrize(
    ("answer", "leftover"),
    [
        (True, JOB),
        (False, JOB),
        (False, Leftover(HOST, Dialect.PATH, "job", seen=False, failures=5)),
        (True, Leftover(HOST, Dialect.PATH, "job", seen=False)),
        (Refused(410, 0, "Gone."), JOB),
    ],
    ids=["deleted", "not there", "never seen", "just arrived", "gone"],
)
def test_leftover_that_is_no_longer_there_is_done(*, rig, clean, answer, leftover):
    rig.api.answers["delete_job"] = answer
    clean([leftover])

    assert _noted(rig, "done") == [[leftover]]
    assert rig.given("leftovers.later") == []


@pytest.mark.parametrize(
    ("answer", "fields", "wait_s"),
    [
        (False, {"seen": False}, 5.05),
        (False, {"seen": False, "failures": 4}, 80),
        (Unreachable("no route"), {}, 5.05),
        (Unclear("cut"), {"failures": 2}, 20),
        (Refused(409, 0, "Busy."), {"failures": 1}, 10),
        (ZeroDivisionError(), {"failures": 1}, 10),
        (ComeLater(409, 40.0), {}, 40),
        (ComeLater(409, 3.0), {"failures": 1}, 10),
        (ComeLater(409), {"failures": 1}, 10),
        (ComeLater(429, 900.0), {}, 300),
    ],
)
def test_leftover_that_could_not_be_deleted_is_tried_later(*, rig, clean, answer, fields, wait_s):
    leftover = Leftover(HOST, Dialect.PATH, "job", **fields)
    rig.api.answers["delete_job"] = answer
    clean([leftover])

    given = rig.the("leftovers.later")
    assert given["leftover"] is leftover
    assert given["wait_s"] == pytest.approx(wait_s)
    assert _noted(rig, "done") == [[]]


def test_failure_ends_the_batch_and_gives_the_rest_back(rig, clean):
    rig.api.answers.update(delete_job=Unreachable("no route"), delete_file=True)
    clean([FILE, JOB, FILE, FILE], [FILE])

    assert _noted(rig, "done") == [[FILE]]
    assert _noted(rig, "give_back") == [[FILE, FILE]]
    assert len(rig.given("leftovers.claim")) == 1


@pytest.mark.parametrize(("took_s", "begun"), [(29.9, 2), (30.0, 1)])
def test_batch_that_takes_long_begins_no_more(*, rig, clean, clock, took_s, begun):
    def delete(**_):
        clock[0] += took_s
        return True

    rig.api.answers["delete_file"] = delete
    clean([FILE, FILE, FILE])

    assert len(_noted(rig, "done")[0]) == begun
    assert len(_noted(rig, "give_back")[0]) == 3 - begun
    # Nothing failed, so the next batch is worked off.
    assert len(rig.given("leftovers.claim")) == 2


@pytest.mark.parametrize(
    ("error", "pause_s"),
    [
        (ComeLater(503, 12.0), 12),
        (ComeLater(429, None), 5),
        (ComeLater(429, 900.0), 300),
        (ComeLater(409, 12.0), None),
        (ComeLater(425, 12.0), None),
    ],
)
def test_service_that_is_overloaded_is_left_alone_by_everybody(*, rig, clean, error, pause_s):
    rig.api.answers["delete_job"] = error
    clean([JOB])

    assert rig.given("leftovers.pause") == ([] if pause_s is None else [{"for_s": pause_s}])


def test_leftover_of_another_host_is_given_up_and_keeps_no_other(rig, clean, logged):
    rig.api.answers.update(delete_job=WrongHost("Not ConvertAPI's."), delete_file=True)
    clean([JOB, FILE])

    assert _noted(rig, "give_up") == [[JOB]]
    assert _noted(rig, "done") == [[JOB, FILE]]
    assert [line["event"] for line in logged] == ["never_deleted"]


def test_log_of_a_failure_says_how_often_and_holds_no_address(rig, clean, logged):
    rig.api.answers["delete_file"] = ZeroDivisionError("https://v2.convertapi.com/d/file")
    clean([Leftover(url="https://v2.convertapi.com/d/file", failures=1)])

    ((line),) = logged
    assert (line["event"], line["reason"], line["failures"]) == (
        "not_deleted",
        "ZeroDivisionError",
        2,
    )


CANCELLED = entry_of(state=State.CANCELLED)
BEFORE = entry_of(base_url=HOST, job_id="ours", submits=1)
RESULT = Result(1, (RemoteFile("a.pdf", "https://v2.convertapi.com/d/a"),))


@pytest.mark.parametrize(
    ("current", "answer", "job_id", "urls"),
    [
        (CANCELLED, Started("theirs"), "theirs", []),
        (None, Started("theirs"), "theirs", []),
        (CANCELLED, Finished(RESULT), "ours", ["https://v2.convertapi.com/d/a"]),
    ],
)
def test_job_that_came_after_its_conversion_was_cancelled_is_deleted(
    *, rig, current, answer, job_id, urls
):
    rig.ledger.answers["find"] = current
    leave_if_cancelled(rig.services, BEFORE, answer)

    leftovers = rig.the("leftovers.add")["leftovers"]
    assert [it.job_id for it in leftovers if it.job_id] == [job_id]
    assert [it.url for it in leftovers if it.url] == urls
    # The service has just spoken of it.
    assert all(it.seen for it in leftovers)


@pytest.mark.parametrize("answer", [Failed(500, 5003, "Damaged."), InProgress()])
def test_answer_that_brings_nothing_leaves_nothing(rig, answer):
    leave_if_cancelled(rig.services, BEFORE, answer)

    assert rig.did == []


@pytest.mark.parametrize("state", [State.CONVERTING, State.SUCCEEDED, State.FAILED])
def test_result_of_a_conversion_that_goes_on_is_kept(rig, state):
    rig.ledger.answers["find"] = entry_of(state=state)
    leave_if_cancelled(rig.services, BEFORE, Finished(RESULT))

    assert rig.given("leftovers.add") == []
