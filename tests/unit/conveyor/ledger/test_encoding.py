from __future__ import annotations

import json

import pytest

from conveyor.domain.answers import RemoteFile, Result
from conveyor.domain.canvas import Caller
from conveyor.domain.conversion import Failure, FailureKind, Reason, State, StoredFile
from conveyor.domain.dialect import Dialect
from conveyor.domain.request import ConversionRequest
from conveyor.domain.request_json import dump_request
from conveyor.ledger import Entry
from conveyor.ledger.callers import dump_caller
from conveyor.ledger.encoding import decode
from conveyor.ledger.keys import Keys
from conveyor.ledger.records import dump_failure, dump_files, dump_result

KEYS = Keys()

REQUEST = ConversionRequest.build("https://example.com/a.docx", "pdf", params={"Text": "„ä“"})
KEPT = StoredFile("a.pdf", "s3://b/results/c1/a.pdf", 3, "00ff")
RESULT = Result(
    2,
    (
        RemoteFile("ä.pdf", "https://v2.convertapi.com/d/x", None),
        RemoteFile("a", size=3, kept=KEPT),
    ),
    {"Unknown": [1, {"a": None}]},
)
FAILURE = Failure(FailureKind.STORAGE, "„Full.“", code=1, status=2, reason=Reason.TOO_LARGE)


def test_an_entry_is_read_as_it_was_written():
    fields = {
        "state": "ready",
        "turn": "7",
        "attempt": "1",
        "token": "t",
        "request": dump_request(REQUEST),
        "caller": dump_caller(Caller(group="g", group_index=1)),
        "uploads": json.dumps({"0": "f0", "OverlayFile": "f10"}),
        "uploaded_at": "1.5",
        "uploads_host": "http://y",
        "uploads_account": "ab12",
        "reuploaded": "1",
        "job_id": "j",
        "base_url": "http://x",
        "dialect": "query",
        "confirmed": "1",
        "submits": "2",
        "polls": "3",
        "consecutive_failures": "4",
        "result": dump_result(RESULT),
        "files": dump_files((KEPT, KEPT)),
        "failure": dump_failure(FAILURE),
        "note": "n",
        "created_at": "2.5",
        "submitted_at": "3.5",
        "ready_at": "4.5",
        "finished_at": "5.5",
    }

    assert decode("c1", fields, seen_at=9.5) == Entry(
        id="c1",
        state=State.READY,
        turn=7,
        request=REQUEST,
        caller=Caller(group="g", group_index=1),
        uploads={"0": "f0", "OverlayFile": "f10"},
        uploaded_at=1.5,
        uploads_host="http://y",
        uploads_account="ab12",
        reuploaded=True,
        job_id="j",
        base_url="http://x",
        dialect=Dialect.QUERY,
        confirmed=True,
        submits=2,
        polls=3,
        consecutive_failures=4,
        result=RESULT,
        files=(KEPT, KEPT),
        failure=FAILURE,
        note="n",
        created_at=2.5,
        submitted_at=3.5,
        ready_at=4.5,
        finished_at=5.5,
    )


def test_a_new_entry_has_little():
    fields = {"state": "queued", "request": dump_request(REQUEST), "turn": "0", "attempt": "1"}
    entry = decode("c1", fields, seen_at=9.5)

    assert entry == Entry(id="c1", state=State.QUEUED, turn=0, request=REQUEST)


def test_the_caller_sees_neither_job_id_nor_addresses():
    entry = Entry(
        id="c1",
        state=State.READY,
        turn=1,
        request=REQUEST,
        job_id="hush",
        base_url="http://hush",
        cost=2,
        uploads={"0": "hush"},
        result=Result(2, (RemoteFile("a.pdf", "https://e.com/hush"),), {"X": "hush"}),
    )

    shown = entry.conversion.to_dict()
    assert "hush" not in json.dumps(shown)
    assert (shown["cost"], shown["from_format"], shown["to_format"]) == (2, "docx", "pdf")


@pytest.mark.parametrize(
    "key",
    [KEYS.dead, KEYS.expected_durations, KEYS.check, *KEYS.all_due]
    + [make("x") for make in (KEYS.conversion, KEYS.turnstile, KEYS.dialect, KEYS.bell)],
)
def test_all_keys_lie_in_one_slot_of_a_cluster(key):
    """Redis Cluster hashes what stands between the first braces."""
    assert key.startswith("{conveyor}:")


def test_each_namespace_has_keys_of_its_own():
    assert Keys("staging").turnstile("x") == "{staging}:turnstile:x"
    assert Keys("staging").dead_of("input") == "{staging}:dead:input"


@pytest.mark.parametrize("state", State)
def test_files_count_once_all_are_stored(state):
    fields = {"state": state.value, "request": dump_request(REQUEST), "files": dump_files((KEPT,))}
    fields |= {"job_id": "j", "base_url": "http://x", "turn": "0", "attempt": "1"}
    entry = decode("c1", fields, seen_at=9.5)

    assert entry.files == (KEPT,)
    assert entry.conversion.files == ((KEPT,) if state is State.SUCCEEDED else ())
