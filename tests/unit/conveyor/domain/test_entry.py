from __future__ import annotations

from dataclasses import fields

import pytest

from conveyor.domain.canvas import Caller
from conveyor.domain.conversion import Conversion, Failure, FailureKind, State, StoredFile
from conveyor.domain.dialect import Dialect
from conveyor.domain.entry import Entry
from conveyor.domain.request import ConversionRequest
from conveyor.domain.terms import NO_TERMS

REQUEST = ConversionRequest.build("https://example.com/a.docx", "pdf")
FILE = StoredFile("a.pdf", "s3://b/a.pdf", 3, "00")
FAILURE = Failure(FailureKind.INPUT, "It is damaged.")


def _entry(**given):
    return Entry("c1", State.QUEUED, 1, REQUEST, **given)


def test_accepted_conversion_has_nothing_but_a_first_attempt():
    entry = _entry()
    told = {"id", "state", "turn", "request"}
    rest = {each.name: getattr(entry, each.name) for each in fields(Entry) if each.name not in told}

    assert rest.pop("attempt") == 1
    assert rest.pop("dialect") is Dialect.PATH
    assert rest.pop("caller") == Caller()
    assert rest.pop("terms") == NO_TERMS
    assert [name for name, value in rest.items() if value] == []


def test_time_at_which_it_was_read_makes_no_other_conversion_of_it():
    assert _entry(seen_at=1.0) == _entry(seen_at=2.0)
    assert _entry(created_at=1.0) != _entry(created_at=2.0)


@pytest.mark.parametrize(
    ("given", "seconds"),
    [({"created_at": 60.0}, 40.0), ({"created_at": 60.0, "since": 70.0}, 30.0)],
    ids=["since it was accepted", "since it was replayed"],
)
def test_patience_counts_from_the_last_start(given, seconds):
    assert _entry(seen_at=100.0, **given).waiting_s == seconds


@pytest.mark.parametrize(
    ("age", "field"),
    [("held_s", "held_at"), ("job_age_s", "submitted_at"), ("result_age_s", "ready_at")],
)
def test_age_counts_from_its_moment_and_is_none_before(age, field):
    assert getattr(_entry(seen_at=100.0), age) == 0
    assert getattr(_entry(seen_at=100.0, **{field: 60.0}), age) == 40.0
    assert getattr(_entry(seen_at=100.0, **{field: 0.0}), age) == 100.0


@pytest.mark.parametrize(
    ("submitted_at", "unready_at", "seconds"),
    [(60.0, 75.0, 15.0), (60.0, None, 0.0), (60.0, 50.0, 0.0), (None, None, 0.0)],
    ids=["at work", "not said yet", "of the job before", "no job"],
)
def test_job_was_at_work_at_the_age_when_the_service_said_so(submitted_at, unready_at, seconds):
    assert _entry(submitted_at=submitted_at, unready_at=unready_at).unready_s == seconds


@pytest.mark.parametrize(
    ("state", "files"), [(State.SUCCEEDED, (FILE,)), (State.READY, ()), (State.CANCELLED, ())]
)
def test_caller_sees_the_record_and_files_of_a_success_alone(state, files):
    entry = Entry(
        "c1",
        state,
        1,
        REQUEST,
        files=(FILE,),
        cost=2,
        polls=3,
        submits=4,
        created_at=5.0,
        submitted_at=6.0,
        ready_at=7.0,
        finished_at=8.0,
        failure=FAILURE,
        job_id="hush",
    )

    assert entry.conversion == Conversion(
        "c1",
        state,
        "docx",
        "pdf",
        files=files,
        cost=2,
        polls=3,
        submits=4,
        created_at=5.0,
        submitted_at=6.0,
        ready_at=7.0,
        finished_at=8.0,
        failure=FAILURE,
    )
