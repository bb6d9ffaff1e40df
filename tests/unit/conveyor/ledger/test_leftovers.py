"""What an ended conversion leaves at the service, state by state."""

from __future__ import annotations

import pytest

from conveyor.domain.answers import RemoteFile, Result
from conveyor.domain.conversion import Failure, FailureKind, State, StoredFile
from conveyor.domain.dialect import Dialect
from conveyor.domain.request import ConversionRequest
from conveyor.domain.rules import FILE_LIFE_S, JOB_LIFE_S
from conveyor.ledger import Entry
from conveyor.ledger.left_behind import everything_of, leftovers_of
from conveyor.ledger.leftover import Leftover

HOST = "https://eu-v2.convertapi.com"
JOB = Leftover(HOST, Dialect.PATH, "0" * 32)
RESULT = Leftover(url=f"{HOST}/d/result")
UPLOAD = Leftover(url=f"{HOST}/d/upload")


def entry_of(state, **values):
    kept = StoredFile("b.pdf", "memory://b.pdf", 3, "00")
    files = (RemoteFile("a.pdf", RESULT.url, 3), RemoteFile("b.pdf", kept=kept))
    return Entry(
        **{
            "id": "c",
            "state": state,
            "turn": 1,
            "request": ConversionRequest.build("https://example.com/a.docx", "pdf"),
            "job_id": JOB.job_id,
            "base_url": HOST,
            "confirmed": True,
            "submits": 1,
            "uploads": {"0": "upload"},
            "uploads_host": HOST,
            "result": Result(1, files),
            **values,
        }
    )


def failed(kind, *, status=0, result=None, **values):
    failure = Failure(kind, "Why.", status=status)
    return entry_of(State.FAILED, failure=failure, result=result, **values)


@pytest.mark.parametrize("state", [State.SUCCEEDED, State.CANCELLED])
def test_unneeded_files_are_all_deleted(state):
    assert leftovers_of(entry_of(state)) == [JOB, RESULT, UPLOAD]


def test_bytes_that_came_in_the_answer_are_not_at_the_service():
    files = (RemoteFile("b.pdf", kept=StoredFile("b.pdf", "memory://b.pdf", 3, "00")),)
    entry = entry_of(State.SUCCEEDED, result=Result(1, files), uploads={})

    assert leftovers_of(entry) == [JOB]


@pytest.mark.parametrize(
    "values",
    [{"job_id": "", "submits": 0}, {"submits": 0}],
    ids=["cancelled before its submit", "throttled"],
)
def test_a_job_that_was_never_started_is_not_deleted(values):
    assert leftovers_of(entry_of(State.CANCELLED, result=None, **values)) == [UPLOAD]


def test_unconfirmed_job_may_arrive_later():
    (job, *_) = leftovers_of(entry_of(State.CANCELLED, result=None, confirmed=False))

    assert (job.job_id, job.seen) == (JOB.job_id, False)


@pytest.mark.parametrize(
    "entry",
    [
        failed(FailureKind.INPUT, status=500),
        failed(FailureKind.STORAGE, result=Result(1, (RemoteFile("a.pdf", RESULT.url, 3),))),
        failed(FailureKind.STORAGE, submits=0),
        failed(FailureKind.UNREADABLE),
        entry_of(State.EXPIRED, failure=Failure(FailureKind.EXPIRED, "Gone."), result=None),
    ],
    ids=["the service's own answer", "paid", "never submitted", "unreadable", "expired"],
)
def test_a_dead_letter_keeps_its_job_and_its_result_for_a_replay(entry):
    assert leftovers_of(entry) == [UPLOAD]


@pytest.mark.parametrize("kind", [FailureKind.POSSIBLY_PAID, FailureKind.INTERNAL])
def test_a_job_that_may_still_run_keeps_its_sources(kind):
    assert leftovers_of(failed(kind)) == []


def test_one_that_is_forgotten_leaves_everything():
    assert everything_of(failed(FailureKind.POSSIBLY_PAID), age_s=0) == [JOB, UPLOAD]
    assert everything_of(entry_of(State.FAILED), age_s=0) == [JOB, RESULT, UPLOAD]


def test_expired_files_are_not_deleted_again():
    entry = entry_of(State.FAILED)

    assert everything_of(entry, age_s=JOB_LIFE_S) == [RESULT, UPLOAD]
    assert everything_of(entry, age_s=FILE_LIFE_S) == []


def test_an_upload_is_deleted_where_it_was_made():
    entry = entry_of(State.CANCELLED, base_url="https://us-v2.convertapi.com", result=None)

    assert leftovers_of(entry)[-1] == UPLOAD


@pytest.mark.parametrize(
    ("file_id", "path"),
    [("../user", "/d/..%2Fuser"), ("a?b#c", "/d/a%3Fb%23c"), ("a\ud800", "/d/a%3F")],
)
def test_a_file_id_stays_one_part_of_a_path(file_id, path):
    entry = entry_of(State.CANCELLED, job_id="", result=None, uploads={"0": file_id})

    assert leftovers_of(entry) == [Leftover(url=HOST + path)]
