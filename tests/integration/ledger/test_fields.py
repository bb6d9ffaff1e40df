"""What each transition forgets of a conversion, and what it notes, whatever the entry has held."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from uuid import uuid4

import pytest

from conveyor.domain.answers import RemoteFile, Result
from conveyor.domain.conversion import Failure, FailureKind, StoredFile
from conveyor.domain.dialect import Dialect
from conveyor.ledger import Entry, Ledger, Submission
from conveyor.ledger.keys import Keys
from conveyor.ledger.records import dump_failure, dump_file, dump_files, dump_result
from conveyor.ledger.tenure import Leaving, Tenure
from conveyor.reasons import Reason

KEYS = Keys()

FAILURE = Failure(FailureKind.STORAGE, "Full.", reason=Reason.STORAGE)
EARLIER = Failure(FailureKind.SERVICE, "Earlier.")
FILE = StoredFile("a.pdf", "memory://a.pdf", 3, "00")
RESULT = Result(1, (RemoteFile("a.pdf", "https://v2.convertapi.com/d/x", 3),))
JOB = Submission("1" * 32, "http://y", Dialect.QUERY, "other", foreign_ids=True, webhook=True)
# All that an entry can hold besides what it begins with.
HELD = {
    "account": "account",
    "asking": "1",
    "caller": '{"root_id":"r1","chord":{"task":"t"},"group":"g"}',
    "base_url": "http://x",
    "confirmed": "1",
    "consecutive_failures": "3",
    "cost": "2",
    "deliveries": "2",
    "denials": "1",
    "dialect": "path",
    "failure": dump_failure(EARLIER),
    "faults": "2",
    "files": dump_files([]),
    "finished_at": "1700000009",
    "foreign_ids": "0",
    "held": "1",
    "held_at": "1700000001",
    "job_id": "0" * 32,
    "joined": "1",
    "late_s": "9.00",
    "lost": "1",
    "missing": "2",
    "missing_at": "1700000002",
    "note": "a note",
    "polls": "4",
    "ready_at": "1700000003",
    "refusal": dump_failure(EARLIER),
    "result": dump_result(Result(9, ())),
    "reuploaded": "1",
    "sent": "link:0",
    "shared": "1",
    "since": "1700000004",
    "stumbles": "1",
    "submits": "2",
    "submitted_at": "1700000005",
    "unclear": "closed",
    "unclear_at": "1700000006",
    "undelivered": "1",
    "unready_at": "1700000007",
    "uploaded_at": "1700000008",
    "uploads": '{"File": "f1"}',
    "uploads_account": "account",
    "uploads_host": "http://x",
    "usual_s": "5.00",
    "webhook": "1",
    "webhook_received": "1",
}


@dataclass(frozen=True)
class Step:
    """A transition of an entry that holds all this, and what it makes of it.

    Attributes:
        state: The state that it leaves.
        do: The transition.
        gone: The fields that it forgets.
        notes: The fields that it writes, but for moments.
        moments: The fields that it sets to now.
        held: What the entry holds otherwise.
    """

    state: str
    do: Callable[[Ledger, Entry], object]
    gone: str
    notes: dict[str, str]
    moments: str
    held: dict[str, str]


@pytest.fixture
def entry_of(client, make, ledger):
    """An entry in a state that holds all that an entry can hold."""

    def make_one(step):
        made = make.queued(str(uuid4()))
        fields = {**HELD, **step.held, "state": step.state}
        held = {name: value for name, value in fields.items() if value}
        client.hset(KEYS.conversion(made.id), mapping=held)
        return ledger.get(made.id)

    return make_one


POLL = Leaving("nobody", 0, is_poll=True)

STEPS = {
    "begin_submit": Step(
        "queued",
        lambda it, entry: it.begin_submit(entry, JOB),
        gone="missing missing_at refusal unclear unclear_at",
        notes={
            "account": "other",
            "base_url": "http://y",
            "confirmed": "0",
            "dialect": "query",
            "foreign_ids": "1",
            "held": "0",
            "job_id": "11111111111111111111111111111111",
            "note": "",
            "state": "converting",
            "submits": "3",
            "turn": "1",
            "webhook": "1",
            "webhook_received": "0",
        },
        moments="submitted_at",
        held={"webhook": "0"},
    ),
    "begin_submit that was lost": Step(
        "queued",
        lambda it, entry: it.begin_submit(entry, JOB, was_lost=True),
        gone="missing missing_at refusal unclear unclear_at",
        notes={
            "account": "other",
            "base_url": "http://y",
            "confirmed": "0",
            "dialect": "query",
            "foreign_ids": "1",
            "held": "0",
            "job_id": "11111111111111111111111111111111",
            "note": "",
            "state": "converting",
            "submits": "3",
            "turn": "1",
            "uploaded_at": "1700000008.0",
            "webhook_received": "0",
        },
        moments="submitted_at",
        held={},
    ),
    "submit_later": Step(
        "queued",
        lambda it, entry: it.submit_later(entry, 5, "busy"),
        gone="",
        notes={"consecutive_failures": "4", "held": "0", "note": "busy", "turn": "1"},
        moments="",
        held={},
    ),
    "submit_later, denied": Step(
        "queued",
        lambda it, entry: it.submit_later(entry, 5, "no", held=True, first=True, denied=True),
        gone="",
        notes={"consecutive_failures": "4", "denials": "2", "note": "no", "turn": "1"},
        moments="since",
        held={},
    ),
    "started": Step(
        "converting",
        lambda it, entry: it.started(entry, "2" * 32, 5),
        gone="denials held_at",
        notes={
            "confirmed": "1",
            "consecutive_failures": "0",
            "job_id": "22222222222222222222222222222222",
        },
        moments="",
        held={"confirmed": "0"},
    ),
    "ask_first": Step(
        "converting",
        lambda it, entry: it.ask_first(entry, 5, "unclear"),
        gone="",
        notes={"note": "unclear", "unclear": "gateway"},
        moments="unclear_at",
        held={},
    ),
    "ask_first, refused": Step(
        "converting",
        lambda it, entry: it.ask_first(entry, 5, "unclear", closed_at_once=True, refusal=FAILURE),
        gone="",
        notes={
            "note": "unclear",
            "refusal": '{"kind":"storage","message":"Full.","reason":"storage"}',
        },
        moments="unclear_at",
        held={"refusal": ""},
    ),
    "put_back": Step(
        "converting",
        lambda it, entry: it.put_back(entry, 5, "throttled"),
        gone="missing missing_at refusal unclear unclear_at",
        notes={
            "consecutive_failures": "4",
            "held": "0",
            "note": "throttled",
            "state": "queued",
            "submits": "1",
            "turn": "1",
        },
        moments="",
        held={"confirmed": "0"},
    ),
    "put_back, lost": Step(
        "converting",
        lambda it, entry: it.put_back(entry, 5, "lost", lost=True, leaving=POLL),
        gone="missing missing_at refusal unclear unclear_at",
        notes={
            "consecutive_failures": "4",
            "held": "0",
            "lost": "2",
            "note": "lost",
            "polls": "5",
            "state": "queued",
            "turn": "1",
        },
        moments="",
        held={"confirmed": "0"},
    ),
    "put_back, held": Step(
        "converting",
        lambda it, entry: it.put_back(entry, 0, "held", held=True, denied=True),
        gone="missing missing_at refusal unclear unclear_at",
        notes={
            "consecutive_failures": "4",
            "denials": "2",
            "note": "held",
            "state": "queued",
            "submits": "1",
            "turn": "1",
        },
        moments="held_at since",
        held={"confirmed": "0", "held_at": ""},
    ),
    "put_back, pays anew": Step(
        "converting",
        lambda it, entry: it.put_back(entry, 0, "new", pays_anew=True),
        gone="asking job_id lost missing missing_at refusal submits unclear unclear_at",
        notes={
            "attempt": "2",
            "consecutive_failures": "4",
            "held": "0",
            "note": "new",
            "state": "queued",
            "turn": "1",
        },
        moments="",
        held={"confirmed": "0"},
    ),
    "put_back, uploads again": Step(
        "converting",
        lambda it, entry: it.put_back(entry, 0, "gone", reupload=True),
        gone=(
            "asking job_id lost missing missing_at refusal unclear unclear_at uploaded_at "
            "uploads uploads_account uploads_host"
        ),
        notes={
            "attempt": "2",
            "confirmed": "0",
            "consecutive_failures": "4",
            "held": "0",
            "left": "2243eb238f13f1984e0c07a085934f20 ",
            "note": "gone",
            "reuploaded": "1",
            "state": "queued",
            "submits": "1",
            "turn": "1",
        },
        moments="",
        held={"reuploaded": "0"},
    ),
    "poll_later": Step(
        "converting",
        lambda it, entry: it.poll_later(entry, 5, confirmed=True, failed=False, note="busy"),
        gone="missing missing_at",
        notes={
            "confirmed": "1",
            "consecutive_failures": "0",
            "note": "busy",
            "polls": "5",
            "turn": "1",
        },
        moments="unready_at",
        held={"confirmed": "0"},
    ),
    "poll_later, failed": Step(
        "converting",
        lambda it, entry: it.poll_later(entry, 5, confirmed=False, failed=True),
        gone="",
        notes={"consecutive_failures": "4", "note": "", "polls": "5", "turn": "1"},
        moments="",
        held={},
    ),
    "poll_later, missing": Step(
        "converting",
        lambda it, entry: it.poll_later(entry, 5, confirmed=False, failed=False, missing=True),
        gone="",
        notes={"consecutive_failures": "0", "missing": "3", "note": "", "polls": "5", "turn": "1"},
        moments="missing_at",
        held={"missing_at": ""},
    ),
    "ready": Step(
        "converting",
        lambda it, entry: it.ready(entry, RESULT, leaving=POLL),
        gone="denials held_at",
        notes={
            "confirmed": "1",
            "cost": "1",
            "note": "",
            "polls": "5",
            "result": '{"cost":1,"files":[{"name":"a.pdf","url":"https://v2.convertapi.com/d/x","size":3,"kept":null}],"extra":{}}',
            "state": "ready",
            "turn": "1",
        },
        moments="ready_at",
        held={"confirmed": "0"},
    ),
    "ready, taken": Step(
        "converting",
        lambda it, entry: it.ready(entry, RESULT, taking=Tenure("t", 1000)),
        gone="denials held_at",
        notes={
            "cost": "1",
            "deliveries": "3",
            "note": "",
            "result": '{"cost":1,"files":[{"name":"a.pdf","url":"https://v2.convertapi.com/d/x","size":3,"kept":null}],"extra":{}}',
            "state": "ready",
            "turn": "1",
        },
        moments="ready_at",
        held={},
    ),
    "deliver_later": Step(
        "ready",
        lambda it, entry: it.deliver_later(entry, 5, "full"),
        gone="",
        notes={"faults": "3", "note": "full"},
        moments="",
        held={},
    ),
    "deliver_later, no fault": Step(
        "ready",
        lambda it, entry: it.deliver_later(entry, 5, "full", fault=False),
        gone="",
        notes={"note": "full"},
        moments="",
        held={},
    ),
    "stored": Step(
        "ready",
        lambda it, entry: it.stored(entry, 0, FILE),
        gone="",
        notes={"file:0": '{"name":"a.pdf","uri":"memory://a.pdf","size":3,"sha256":"00"}'},
        moments="",
        held={},
    ),
    "succeeded": Step(
        "ready",
        lambda it, entry: it.succeeded(entry, [FILE], note="odd"),
        gone="file:0",
        notes={
            "files": '[{"name":"a.pdf","uri":"memory://a.pdf","size":3,"sha256":"00"}]',
            "note": "odd",
            "state": "succeeded",
        },
        moments="finished_at",
        held={"file:0": dump_file(FILE)},
    ),
    "failed": Step(
        "ready",
        lambda it, entry: it.failed(entry, FAILURE, cost=7),
        gone="",
        notes={
            "cost": "7",
            "failure": '{"kind":"storage","message":"Full.","reason":"storage"}',
            "note": "",
            "state": "failed",
            "turn": "1",
        },
        moments="finished_at",
        held={},
    ),
    "expired": Step(
        "converting",
        lambda it, entry: it.expired(entry, FAILURE),
        gone="",
        notes={
            "failure": '{"kind":"storage","message":"Full.","reason":"storage"}',
            "note": "",
            "state": "expired",
            "turn": "1",
        },
        moments="finished_at",
        held={},
    ),
    "stumbled": Step(
        "ready",
        lambda it, entry: it.stumbled(entry, 5),
        gone="",
        notes={"stumbles": "2"},
        moments="",
        held={},
    ),
    "cancelled": Step(
        "ready",
        lambda it, entry: it.cancelled(entry),
        gone="",
        notes={
            "failure": (
                '{"kind":"cancelled","message":"Its caller cancelled the conversion.",'
                '"reason":"cancelled"}'
            ),
            "note": "",
            "state": "cancelled",
            "turn": "1",
        },
        moments="finished_at",
        held={},
    ),
    "undelivered": Step(
        "succeeded",
        lambda it, entry: it.undelivered(entry, 5),
        gone="",
        notes={"undelivered": "2"},
        moments="",
        held={},
    ),
    "delivered": Step(
        "succeeded",
        lambda it, entry: it.delivered(entry.id, is_dead=False, request=entry.request),
        gone=(
            "account asking base_url caller confirmed consecutive_failures deliveries denials "
            "dialect faults foreign_ids held held_at job_id joined late_s lost missing "
            "missing_at refusal result reuploaded sent shared since stumbles turn unclear "
            "unclear_at undelivered unready_at uploaded_at uploads uploads_account "
            "uploads_host usual_s webhook webhook_received"
        ),
        notes={"delivered": "1", "request": '{"sources":[],"from":"docx","to":"pdf","params":{}}'},
        moments="",
        held={},
    ),
    "delivered, dead": Step(
        "failed",
        lambda it, entry: it.delivered(entry.id, is_dead=True, request=entry.request),
        gone="",
        notes={"delivered": "1"},
        moments="",
        held={},
    ),
    "replay": Step(
        "failed",
        lambda it, entry: it.replay(entry, timeout=600),
        gone=(
            "asking confirmed cost denials failure faults file:0 files finished_at held "
            "held_at job_id late_s lost missing missing_at note ready_at refusal result "
            "reuploaded sent stumbles submitted_at unclear unclear_at undelivered unready_at "
            "uploaded_at uploads uploads_account uploads_host usual_s"
        ),
        notes={
            "attempt": "2",
            "caller": '{"root_id": "r1"}',
            "consecutive_failures": "0",
            "request": (
                '{"sources":[["url","https://example.com/a.docx"]],'
                '"from":"docx","to":"pdf","params":{"Timeout":"600"}}'
            ),
            "state": "queued",
            "submits": "0",
            "turn": "1",
        },
        moments="since",
        held={"file:0": dump_file(FILE)},
    ),
    "ask_again": Step(
        "failed",
        lambda it, entry: it.ask_again(entry),
        gone="failure finished_at missing missing_at note refusal sent stumbles undelivered",
        notes={
            "asking": "1",
            "caller": '{"root_id": "r1"}',
            "confirmed": "0",
            "consecutive_failures": "0",
            "state": "converting",
            "turn": "1",
        },
        moments="since",
        held={"asking": "0"},
    ),
    "redeliver": Step(
        "failed",
        lambda it, entry: it.redeliver(entry),
        gone="failure faults finished_at note sent stumbles undelivered",
        notes={"caller": '{"root_id": "r1"}', "state": "ready"},
        moments="",
        held={},
    ),
}


@pytest.mark.parametrize("name", STEPS)
def test_transition_forgets_and_notes_this_and_leaves_the_rest(client, ledger, entry_of, name):
    step = STEPS[name]
    entry = entry_of(step)
    key = KEYS.conversion(entry.id)
    before, began = client.hgetall(key), client.time()[0]
    step.do(ledger, entry)
    after = client.hgetall(key)
    moments = step.moments.split()
    changed = {field for field, value in after.items() if before.get(field) != value}

    assert before.keys() - after.keys() == set(step.gone.split())
    assert {field: after[field] for field in changed - {*moments, "token"}} == step.notes
    assert changed >= set(moments)
    assert all(began <= float(after[field]) <= client.time()[0] + 1 for field in moments)
