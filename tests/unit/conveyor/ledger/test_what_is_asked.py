"""What each call of the ledger asks of ``transition.lua``, exactly; no Redis is there."""

from __future__ import annotations

import json

import pytest

from conveyor.domain.answers import RemoteFile, Result
from conveyor.domain.canvas import Caller
from conveyor.domain.conversion import Failure, FailureKind, Reason, StoredFile
from conveyor.domain.dialect import Dialect
from conveyor.domain.durations import Expectation
from conveyor.domain.request import ConversionRequest
from conveyor.domain.request_json import dump_request
from conveyor.domain.terms import Terms
from conveyor.errors import InvalidRequest
from conveyor.ledger import (
    AlreadyAccepted,
    Idempotency,
    Ledger,
    NotRung,
    Patience,
    RevokedBefore,
    Submission,
    connect,
)
from conveyor.ledger.encoding import decode
from conveyor.ledger.keys import Keys
from conveyor.ledger.leftover import Leftover
from conveyor.ledger.tenure import Leaving, Tenure
from conveyor.ledger.transitions import TRANSITIONS

KEYS = Keys()
NOW = 1_700_000_100.5
# No server is there: that is to be found out at once.
HASTE = Patience(0.1, 0.1, 0.1, (), retries=0)
REQUEST = ConversionRequest.build("https://example.com/a.docx", "pdf")
FAILURE = Failure(
    FailureKind.SERVICE, "Broken.", code=5001, status=500, reason=Reason.CONVERSION_FAILED
)
FAILURE_JSON = (
    '{"kind":"service","message":"Broken.","code":5001,"status":500,"reason":"conversion_failed"}'
)
SILENCE = Failure(FailureKind.SERVICE, "Silent.", reason=Reason.SERVICE)
RESULT = Result(3, (RemoteFile("a.pdf", "https://v2.convertapi.com/d/x", 3),))
FILE = StoredFile("a.pdf", "file:///a.pdf", 3, "00")
JOB = Submission("j" * 32, "http://x", Dialect.QUERY, "acc", foreign_ids=True, webhook=True)
POLL, POST = Leaving("t", 5020, is_poll=True), Leaving("t", 0, is_poll=False)
LEFT = Leftover(url="/d/x")
SIGNATURE = {"task": "web.notify"}
FIELDS = {
    "v": "1",
    "state": "converting",
    "turn": "7",
    "attempt": "2",
    "request": dump_request(REQUEST),
    "job_id": "j1",
    "base_url": "http://h",
    "submitted_at": "1700000090.0",
    "polls": "4",
}
UPLOADS = {
    "uploads": '{"File": "f1"}',
    "uploaded_at": "1700000008",
    "uploads_host": "http://u",
    "uploads_account": "acc",
}


def entry(**others):
    """An entry of a job that the service works on."""
    return decode("c1", {**FIELDS, **others}, NOW)


class Asked:
    """Notes what is asked of the script, and answers as it would."""

    def __init__(self, fields=(), done=1, bells=()):
        self.fields, self.done, self.bells = {**FIELDS, **dict(fields)}, done, bells
        self.keys, self.args = [], []

    def run(self, script, keys, args):
        self.keys, self.args = keys, args
        flat = [text for pair in self.fields.items() for text in pair]
        return [self.done, str(NOW), flat, *self.bells]


class Bells:
    """Notes what is rung, or fails."""

    def __init__(self):
        self.rung, self.error = [], None

    def ring(self, kind, wait_s, at):
        if self.error is not None:
            raise self.error
        self.rung.append((kind, wait_s, at))


class Learned:
    """Notes what is learned of how long conversions take."""

    def __init__(self):
        self.calls = []

    def learn(self, request, seconds, after_s=None, **how):
        self.calls.append(("learn", seconds, after_s, how))

    def end(self, request):
        self.calls.append(("end",))


@pytest.fixture
def ledger():
    """One whose Redis is never asked."""
    with connect("redis://127.0.0.1:1/0", patience=HASTE) as client:
        made = Ledger(client, Bells())
        made._together = Asked()
        made.expected_durations = Learned()
        yield made


_FORGOTTEN_AT_THE_END = [
    "account",
    "confirmed",
    "asking",
    "base_url",
    "webhook_received",
    "caller",
    "deliveries",
    "denials",
    "dialect",
    "faults",
    "foreign_ids",
    "held",
    "held_at",
    "job_id",
    "lost",
    "result",
    "joined",
    "reuploaded",
    "since",
    "sent",
    "shared",
    "consecutive_failures",
    "stumbles",
    "undelivered",
    "turn",
    "webhook",
    "unready_at",
    "usual_s",
    "late_s",
    "notify",
    "uploads",
    "uploaded_at",
    "uploads_host",
    "uploads_account",
    "unclear",
    "unclear_at",
    "missing",
    "missing_at",
    "refusal",
]
_ROWS_OF_LEFT = [
    {
        "id": "685570fa4bf382f07c3a853e49c54da1",
        "record": '{"v": 1, "url": "/d/x"}',
        "life_s": 10800.0,
        "wait_s": 5.0,
    }
]


# By the name of the transition, and what is particular: the call, what is asked of the script
# besides what all transitions ask, and what is learned.
CASES = {
    "open": (
        lambda it: it.open("c1", REQUEST),
        {
            "set": {
                "v": "1",
                "turn": "0",
                "attempt": "1",
                "request": '{"sources":[["url","https://example.com/a.docx"]],"from":"docx","to":"pdf","params":{}}',
                "source_name": "a.docx",
            },
            "stamp": ["created_at"],
            "owns": [],
            "takes": [],
            "sign_s": 2592000.0,
            "unless_revoked": False,
            "due_in": 0,
            "bell": True,
        },
        [],
    ),
    "open: all": (
        lambda it: it.open(
            "c1",
            REQUEST,
            Caller(callbacks=[SIGNATURE]),
            ["own"],
            ["take"],
            asked="hash",
            terms=Terms.of({"order": "ü"}, 60),
            idempotency=Idempotency("key", "1:f"),
            unless_revoked=True,
            rings=False,
        ),
        {
            "set": {
                "v": "1",
                "turn": "0",
                "attempt": "1",
                "request": '{"sources":[["url","https://example.com/a.docx"]],"from":"docx","to":"pdf","params":{}}',
                "caller": '{"callbacks": [{"task": "web.notify"}]}',
                "asked": "hash",
                "key": "2c70e12b7a0646f92279f427c7b38e7334d8e5389cff167a1dc30e73f826b683",
                "terms": '{"metadata":{"order":"ü"},"deadline":{"after_s":60.0}}',
                "found_by": "0e2dcf97e7634538",
                "source_name": "a.docx",
            },
            "stamp": ["created_at"],
            "owns": ["own"],
            "takes": ["take"],
            "sign_s": 2592000.0,
            "unless_revoked": True,
            "deadline": {"after_s": 60.0},
            "due_in": 0,
            "bell": False,
            "bind_key": {"value": "c1 1:f", "keep_s": 604800},
        },
        [],
    ),
    "forget": (
        lambda it: it.forget("c1"),
        {
            "guards": {"turn": "0", "joined": ""},
            "due_in": False,
            "unrung": True,
            "unnoticed": True,
            "keep_s": -1,
            "silent": True,
        },
        [],
    ),
    "forget: by its key": (
        lambda it: it.forget("c1", Idempotency("key", "1:f")),
        {
            "guards": {"turn": "0", "joined": ""},
            "due_in": False,
            "unrung": True,
            "unnoticed": True,
            "keep_s": -1,
            "silent": True,
            "free_key": "c1 1:f",
        },
        [],
    ),
    "uploaded": (
        lambda it: it.uploaded(entry(**UPLOADS), {"File": "f2"}, host="http://n", account="a2"),
        {
            "set": {
                "uploads": '{"File": "f2"}',
                "uploads_host": "http://n",
                "uploads_account": "a2",
            },
            "stamp": ["uploaded_at"],
            "leftovers": [
                {
                    "id": "078db2a91bcbd26243a5574e572fc79f",
                    "record": '{"v": 1, "url": "http://u/d/f1"}',
                    "life_s": 10800.0,
                    "wait_s": 5.0,
                }
            ],
            "due_in": 13.1,
        },
        [],
    ),
    "uploaded: others are there": (
        lambda it: it.uploaded(
            entry(**UPLOADS), {"File": "f2"}, host="http://n", account="a2", anew=False
        ),
        {
            "set": {
                "uploads": '{"File": "f2"}',
                "uploads_host": "http://n",
                "uploads_account": "a2",
            },
            "due_in": 13.1,
        },
        [],
    ),
    "submit_later": (
        lambda it: it.submit_later(entry(), 5, "busy"),
        {
            "set": {"note": "busy", "held": "0"},
            "guards": {"turn": "7"},
            "add": {"turn": 1, "consecutive_failures": 1},
            "due_in": 5,
            "bell": True,
        },
        [],
    ),
    "submit_later: held": (
        lambda it: it.submit_later(entry(), 5, "no", held=True, leaving=POST),
        {
            "set": {"note": "no", "held": "1"},
            "guards": {"turn": "7"},
            "add": {"turn": 1, "consecutive_failures": 1},
            "due_in": 5,
            "bell": True,
            "leave": {"token": "t", "for_ms": 0, "is_poll": False},
            "stamp": ["since"],
            "first": ["held_at"],
        },
        [],
    ),
    "submit_later: first and denied": (
        lambda it: it.submit_later(entry(), 5, "no", first=True, denied=True),
        {
            "set": {"note": "no", "held": "0"},
            "guards": {"turn": "7"},
            "add": {"turn": 1, "consecutive_failures": 1, "denials": 1},
            "due_in": 5,
            "bell": True,
            "due_first": True,
        },
        [],
    ),
    "begin_submit": (
        lambda it: it.begin_submit(entry(), JOB),
        {
            "set": {
                "job_id": "jjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjj",
                "base_url": "http://x",
                "dialect": "query",
                "account": "acc",
                "foreign_ids": "1",
                "held": "0",
                "webhook": "1",
                "webhook_received": "0",
                "confirmed": "0",
                "note": "",
            },
            "guards": {"attempt": "2", "turn": "7"},
            "add": {"submits": 1, "turn": 1},
            "stamp": ["submitted_at"],
            "unset": ["unclear", "unclear_at", "missing", "missing_at", "refusal"],
            "in_time": True,
            "due_in": 13.1,
        },
        [],
    ),
    "begin_submit: with uploads": (
        lambda it: it.begin_submit(entry(**UPLOADS), JOB, Tenure("t", 13000)),
        {
            "set": {
                "job_id": "jjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjj",
                "base_url": "http://x",
                "dialect": "query",
                "account": "acc",
                "foreign_ids": "1",
                "held": "0",
                "webhook": "1",
                "webhook_received": "0",
                "confirmed": "0",
                "note": "",
            },
            "guards": {
                "attempt": "2",
                "turn": "7",
                "uploads_host": "http://u",
                "uploads_account": "acc",
            },
            "add": {"submits": 1, "turn": 1},
            "stamp": ["submitted_at"],
            "unset": ["unclear", "unclear_at", "missing", "missing_at", "refusal"],
            "enter": {"token": "t", "for_ms": 13000},
            "in_time": True,
            "due_in": 13.1,
        },
        [],
    ),
    "begin_submit: lost, with uploads": (
        lambda it: it.begin_submit(entry(**UPLOADS), JOB, was_lost=True),
        {
            "set": {
                "uploads": '{"File": "f1"}',
                "uploaded_at": "1700000008.0",
                "uploads_host": "http://u",
                "uploads_account": "acc",
                "job_id": "jjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjj",
                "base_url": "http://x",
                "dialect": "query",
                "account": "acc",
                "foreign_ids": "1",
                "held": "0",
                "webhook": "1",
                "webhook_received": "0",
                "confirmed": "0",
                "note": "",
            },
            "guards": {"attempt": "2"},
            "add": {"submits": 1, "turn": 1},
            "stamp": ["submitted_at"],
            "unset": ["unclear", "unclear_at", "missing", "missing_at", "refusal"],
            "due_in": 13.1,
        },
        [],
    ),
    "begin_submit: lost": (
        lambda it: it.begin_submit(entry(), JOB, was_lost=True),
        {
            "set": {
                "job_id": "jjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjj",
                "base_url": "http://x",
                "dialect": "query",
                "account": "acc",
                "foreign_ids": "1",
                "held": "0",
                "webhook": "1",
                "webhook_received": "0",
                "confirmed": "0",
                "note": "",
            },
            "guards": {"attempt": "2"},
            "add": {"submits": 1, "turn": 1},
            "stamp": ["submitted_at"],
            "unset": ["unclear", "unclear_at", "missing", "missing_at", "refusal"],
            "due_in": 13.1,
        },
        [],
    ),
    "started": (
        lambda it: it.started(entry(), "j2", 20),
        {
            "set": {"job_id": "j2", "confirmed": "1", "consecutive_failures": "0"},
            "guards": {"turn": "7", "attempt": "2"},
            "unset": ["held_at", "denials"],
            "took": True,
            "due_in": 20,
            "due_received_in": 0.0,
            "bell": True,
        },
        [],
    ),
    "started: by webhook": (
        lambda it: it.started(
            entry(webhook="1"),
            "j2",
            20,
            expectation=Expectation(tuple(map(float, range(64)))),
            leaving=POLL,
        ),
        {
            "set": {
                "job_id": "j2",
                "confirmed": "1",
                "consecutive_failures": "0",
                "usual_s": "9.50",
                "late_s": "17.50",
            },
            "guards": {"turn": "7", "attempt": "2"},
            "unset": ["held_at", "denials"],
            "took": True,
            "due_in": 20,
            "due_received_in": 5.02,
            "bell": "webhook_received",
            "leave": {"token": "t", "for_ms": 5020, "is_poll": True},
        },
        [],
    ),
    "ask_first": (
        lambda it: it.ask_first(entry(), 5, "unclear"),
        {
            "set": {"note": "unclear", "unclear": "gateway"},
            "guards": {"turn": "7", "attempt": "2"},
            "stamp": ["unclear_at"],
            "due_in": 5,
            "due_received_in": 0.0,
            "bell": True,
        },
        [],
    ),
    "ask_first: closed at once": (
        lambda it: it.ask_first(
            entry(), 5, "cut", closed_at_once=True, refusal=FAILURE, leaving=POLL
        ),
        {
            "set": {
                "note": "cut",
                "unclear": "closed",
                "refusal": FAILURE_JSON,
            },
            "guards": {"turn": "7", "attempt": "2"},
            "stamp": ["unclear_at"],
            "due_in": 5,
            "due_received_in": 5.02,
            "bell": True,
            "leave": {"token": "t", "for_ms": 5020, "is_poll": True},
        },
        [],
    ),
    "put_back": (
        lambda it: it.put_back(entry(**UPLOADS), 5, "throttled"),
        {
            "set": {"note": "throttled", "held": "0"},
            "guards": {"turn": "7", "attempt": "2", "confirmed": "0"},
            "add": {"turn": 1, "consecutive_failures": 1, "submits": -1},
            "unset": ["unclear", "unclear_at", "missing", "missing_at", "refusal"],
            "counts": {"polls": 0},
            "due_in": 5,
            "bell": True,
        },
        [],
    ),
    "put_back: lost": (
        lambda it: it.put_back(entry(), 5, "lost", lost=True, leaving=POLL),
        {
            "set": {"note": "lost", "held": "0"},
            "guards": {"turn": "7", "attempt": "2", "confirmed": "0"},
            "add": {"turn": 1, "consecutive_failures": 1, "polls": 1, "lost": 1},
            "unset": ["unclear", "unclear_at", "missing", "missing_at", "refusal"],
            "counts": {"polls": 1},
            "leave": {"token": "t", "for_ms": 5020, "is_poll": True},
            "due_in": 5,
            "bell": True,
        },
        [],
    ),
    "put_back: held and denied": (
        lambda it: it.put_back(entry(), 5, "no", held=True, denied=True, leaving=POST),
        {
            "set": {"note": "no", "held": "1"},
            "guards": {"turn": "7", "attempt": "2", "confirmed": "0"},
            "add": {"turn": 1, "consecutive_failures": 1, "denials": 1, "submits": -1},
            "unset": ["unclear", "unclear_at", "missing", "missing_at", "refusal"],
            "counts": {"polls": 0},
            "leave": {"token": "t", "for_ms": 0, "is_poll": False},
            "due_in": 5,
            "bell": True,
            "stamp": ["since"],
            "first": ["held_at"],
            "due_first": True,
        },
        [],
    ),
    "put_back: pays anew": (
        lambda it: it.put_back(entry(), 5, "gone", pays_anew=True),
        {
            "set": {"note": "gone", "held": "0"},
            "guards": {"turn": "7", "attempt": "2", "confirmed": "0"},
            "add": {"turn": 1, "consecutive_failures": 1, "attempt": 1},
            "unset": [
                "unclear",
                "unclear_at",
                "missing",
                "missing_at",
                "refusal",
                "submits",
                "asking",
                "job_id",
                "lost",
            ],
            "counts": {"polls": 0},
            "due_in": 5,
            "bell": True,
        },
        [],
    ),
    "put_back: uploads again": (
        lambda it: it.put_back(entry(**UPLOADS), 5, "gone", reupload=True),
        {
            "set": {
                "note": "gone",
                "reuploaded": "1",
                "confirmed": "0",
                "consecutive_failures": "0",
                "held": "0",
            },
            "guards": {"turn": "7", "attempt": "2"},
            "add": {"turn": 1, "consecutive_failures": 1, "submits": -1, "attempt": 1},
            "unset": [
                "unclear",
                "unclear_at",
                "missing",
                "missing_at",
                "refusal",
                "asking",
                "job_id",
                "lost",
                "uploads",
                "uploaded_at",
                "uploads_host",
                "uploads_account",
            ],
            "counts": {"polls": 0},
            "leftovers": [
                {
                    "id": "078db2a91bcbd26243a5574e572fc79f",
                    "record": '{"v": 1, "url": "http://u/d/f1"}',
                    "life_s": 10800.0,
                    "wait_s": 5.0,
                }
            ],
            "due_in": 5,
            "bell": True,
        },
        [],
    ),
    "poll_later": (
        lambda it: it.poll_later(entry(unready_at="1700000095.0"), 5, confirmed=True, failed=False),
        {
            "set": {"note": "", "confirmed": "1", "consecutive_failures": "0"},
            "guards": {"turn": "7", "attempt": "2"},
            "add": {"turn": 1, "polls": 1},
            "stamp": ["unready_at"],
            "unset": ["missing", "missing_at"],
            "counts": {"polls": 1},
            "due_in": 5,
            "due_received_in": 0.0,
            "bell": True,
        },
        [("learn", 10.5, 5.0, {"ended": False})],
    ),
    "poll_later: by webhook": (
        lambda it: it.poll_later(
            entry(webhook="1"), 5, confirmed=True, failed=False, note="n", leaving=POLL
        ),
        {
            "set": {"note": "n", "confirmed": "1", "consecutive_failures": "0"},
            "guards": {"turn": "7", "attempt": "2"},
            "add": {"turn": 1, "polls": 1},
            "stamp": ["unready_at"],
            "unset": ["missing", "missing_at"],
            "counts": {"polls": 1},
            "due_in": 5,
            "due_received_in": 5.02,
            "bell": "webhook_received",
            "leave": {"token": "t", "for_ms": 5020, "is_poll": True},
        },
        [("learn", 10.5, 0.0, {"ended": False})],
    ),
    "poll_later: after failures": (
        lambda it: it.poll_later(entry(consecutive_failures="1"), 5, confirmed=True, failed=False),
        {
            "set": {"note": "", "confirmed": "1", "consecutive_failures": "0"},
            "guards": {"turn": "7", "attempt": "2"},
            "add": {"turn": 1, "polls": 1},
            "stamp": ["unready_at"],
            "unset": ["missing", "missing_at"],
            "counts": {"polls": 1},
            "due_in": 5,
            "due_received_in": 0.0,
            "bell": True,
        },
        [],
    ),
    "poll_later: failed": (
        lambda it: it.poll_later(entry(webhook="1"), 5, confirmed=False, failed=True),
        {
            "set": {"note": ""},
            "guards": {"turn": "7", "attempt": "2"},
            "add": {"turn": 1, "polls": 1, "consecutive_failures": 1},
            "counts": {"polls": 1},
            "due_in": 5,
            "due_received_in": 0.0,
            "bell": True,
        },
        [],
    ),
    "poll_later: missing": (
        lambda it: it.poll_later(
            entry(webhook="1"), 5, confirmed=False, failed=False, missing=True
        ),
        {
            "set": {"note": "", "consecutive_failures": "0"},
            "guards": {"turn": "7", "attempt": "2"},
            "add": {"turn": 1, "polls": 1, "missing": 1},
            "first": ["missing_at"],
            "counts": {"polls": 1},
            "due_in": 5,
            "due_received_in": 0.0,
            "bell": True,
        },
        [],
    ),
    "ready": (
        lambda it: it.ready(entry(), RESULT),
        {
            "set": {
                "result": '{"cost":3,"files":[{"name":"a.pdf","url":"https://v2.convertapi.com/d/x","size":3,"kept":null}],"extra":{}}',
                "cost": "3",
                "confirmed": "1",
                "note": "",
            },
            "guards": {"attempt": "2", "job_id": "j1"},
            "add": {"turn": 1},
            "stamp": ["ready_at"],
            "unset": ["held_at", "denials"],
            "counts": {"polls": 0, "cost": 3},
            "due_in": 13.1,
        },
        [("end",), ("learn", 10.5, 0.0, {"exact": True})],
    ),
    "ready: polled and taken": (
        lambda it: it.ready(
            entry(unready_at="1700000095.0"), RESULT, leaving=POLL, taking=Tenure("d", 13000)
        ),
        {
            "set": {
                "result": '{"cost":3,"files":[{"name":"a.pdf","url":"https://v2.convertapi.com/d/x","size":3,"kept":null}],"extra":{}}',
                "cost": "3",
                "confirmed": "1",
                "note": "",
            },
            "guards": {"attempt": "2", "job_id": "j1"},
            "add": {"turn": 1, "polls": 1, "deliveries": 1},
            "stamp": ["ready_at"],
            "unset": ["held_at", "denials"],
            "counts": {"polls": 1, "cost": 3},
            "due_in": 13.1,
            "leave": {"token": "t", "for_ms": 5020, "is_poll": True},
            "take": {"token": "d", "for_ms": 13000},
        },
        [("end",), ("learn", 10.5, 5.0, {"exact": False})],
    ),
    "ready: posted": (
        lambda it: it.ready(entry(), RESULT, leaving=POST),
        {
            "set": {
                "result": '{"cost":3,"files":[{"name":"a.pdf","url":"https://v2.convertapi.com/d/x","size":3,"kept":null}],"extra":{}}',
                "cost": "3",
                "confirmed": "1",
                "note": "",
            },
            "guards": {"attempt": "2", "job_id": "j1"},
            "add": {"turn": 1},
            "stamp": ["ready_at"],
            "took": True,
            "unset": ["held_at", "denials"],
            "counts": {"polls": 0, "cost": 3},
            "due_in": 13.1,
            "leave": {"token": "t", "for_ms": 0, "is_poll": False},
        },
        [("end",), ("learn", 10.5, 0.0, {"exact": True})],
    ),
    "ready: called": (
        lambda it: it.ready(entry(webhook_received="1"), RESULT, leaving=POLL),
        {
            "set": {
                "result": '{"cost":3,"files":[{"name":"a.pdf","url":"https://v2.convertapi.com/d/x","size":3,"kept":null}],"extra":{}}',
                "cost": "3",
                "confirmed": "1",
                "note": "",
            },
            "guards": {"attempt": "2", "job_id": "j1"},
            "add": {"turn": 1, "polls": 1},
            "stamp": ["ready_at"],
            "unset": ["held_at", "denials"],
            "counts": {"polls": 1, "cost": 3},
            "due_in": 13.1,
            "leave": {"token": "t", "for_ms": 5020, "is_poll": True},
        },
        [("end",), ("learn", 10.5, 0.0, {"exact": True})],
    ),
    "deliver_later": (
        lambda it: it.deliver_later(entry(), 5, "full"),
        {"set": {"note": "full"}, "add": {"faults": 1}, "due_in": 5, "bell": True},
        [],
    ),
    "deliver_later: no fault": (
        lambda it: it.deliver_later(entry(), 5, "wait", fault=False),
        {"set": {"note": "wait"}, "due_in": 5, "bell": True},
        [],
    ),
    "stored": (
        lambda it: it.stored(entry(), 1, FILE),
        {
            "set": {"file:1": '{"name":"a.pdf","uri":"file:///a.pdf","size":3,"sha256":"00"}'},
            "due_in": 13.1,
            "silent": True,
        },
        [],
    ),
    "succeeded": (
        lambda it: it.succeeded(entry(), [FILE, FILE]),
        {
            "set": {
                "files": '[{"name":"a.pdf","uri":"file:///a.pdf","size":3,"sha256":"00"},{"name":"a.pdf","uri":"file:///a.pdf","size":3,"sha256":"00"}]',
                "note": "",
            },
            "guards": {"attempt": "2", "job_id": "j1"},
            "stamp": ["finished_at"],
            "unset": ["file:0", "file:1"],
            "due_in": 13.1,
            "counts": {"succeeded": 1, "polls_le:5": 1, "polls_sum": 4},
            "timed": {
                "since": "ready_at",
                "le": "stored_le",
                "sum": "stored_sum_ms",
                "bounds": ["0.1", "0.25", "0.5", "1", "2.5", "5", "10", "30", "60", "300", "inf"],
            },
        },
        [],
    ),
    "succeeded: by a lease": (
        lambda it: it.succeeded(entry(), [FILE], note="odd", delivery="d"),
        {
            "set": {
                "files": '[{"name":"a.pdf","uri":"file:///a.pdf","size":3,"sha256":"00"}]',
                "note": "odd",
            },
            "guards": {"attempt": "2", "job_id": "j1"},
            "holder": "d",
            "stamp": ["finished_at"],
            "unset": ["file:0"],
            "due_in": 13.1,
            "counts": {"succeeded": 1, "polls_le:5": 1, "polls_sum": 4},
            "timed": {
                "since": "ready_at",
                "le": "stored_le",
                "sum": "stored_sum_ms",
                "bounds": ["0.1", "0.25", "0.5", "1", "2.5", "5", "10", "30", "60", "300", "inf"],
            },
        },
        [],
    ),
    "failed": (
        lambda it: it.failed(entry(), FAILURE),
        {
            "set": {
                "failure": FAILURE_JSON,
                "note": "",
            },
            "guards": {"attempt": "2", "job_id": "j1"},
            "add": {"turn": 1},
            "stamp": ["finished_at"],
            "due_in": 13.1,
            "dead": True,
            "counts": {"service": 1, "polls": 0, "cost": 0},
        },
        [("end",)],
    ),
    "failed: at a cost": (
        lambda it: it.failed(entry(), FAILURE, cost=2, leaving=POST),
        {
            "set": {
                "failure": FAILURE_JSON,
                "note": "",
                "cost": "2",
            },
            "guards": {"attempt": "2", "job_id": "j1"},
            "add": {"turn": 1},
            "stamp": ["finished_at"],
            "due_in": 13.1,
            "dead": True,
            "took": True,
            "counts": {"service": 1, "polls": 0, "cost": 2},
            "leave": {"token": "t", "for_ms": 0, "is_poll": False},
        },
        [("end",)],
    ),
    "failed: without an answer": (
        lambda it: it.failed(entry(), SILENCE, leaving=POST),
        {
            "set": {
                "failure": '{"kind":"service","message":"Silent.","reason":"service"}',
                "note": "",
            },
            "guards": {"attempt": "2", "job_id": "j1"},
            "add": {"turn": 1},
            "stamp": ["finished_at"],
            "due_in": 13.1,
            "dead": True,
            "counts": {"service": 1, "polls": 0, "cost": 0},
            "leave": {"token": "t", "for_ms": 0, "is_poll": False},
        },
        [("end",)],
    ),
    "failed: polled": (
        lambda it: it.failed(entry(), FAILURE, leaving=POLL),
        {
            "set": {
                "failure": FAILURE_JSON,
                "note": "",
            },
            "guards": {"attempt": "2", "job_id": "j1"},
            "add": {"turn": 1, "polls": 1},
            "stamp": ["finished_at"],
            "due_in": 13.1,
            "dead": True,
            "counts": {"service": 1, "polls": 1, "cost": 0},
            "leave": {"token": "t", "for_ms": 5020, "is_poll": True},
        },
        [("end",)],
    ),
    "expired": (
        lambda it: it.expired(entry(), FAILURE, leaving=POLL),
        {
            "set": {
                "failure": FAILURE_JSON,
                "note": "",
            },
            "guards": {"attempt": "2", "job_id": "j1"},
            "add": {"turn": 1, "polls": 1},
            "stamp": ["finished_at"],
            "due_in": 13.1,
            "dead": True,
            "counts": {"service": 1, "polls": 1, "cost": 0},
            "leave": {"token": "t", "for_ms": 5020, "is_poll": True},
        },
        [],
    ),
    "too_late": (
        lambda it: it.too_late(entry(deadline_at="1700000000.0", lost="1", note="Busy.")),
        {
            "guards": {"lost": "1"},
            "set": {
                "failure": (
                    '{"kind":"cancelled","message":"It had not begun by its deadline, '
                    "2023-11-14T22:13:20+00:00 (Busy.). ConvertAPI had no job after an unclear "
                    "submit, so nothing should be paid. Convert it again with a later deadline if "
                    'you still need it.","reason":"missed_deadline"}'
                ),
                "note": "",
            },
            "add": {"turn": 1},
            "stamp": ["finished_at"],
            "late": True,
            "due_in": 10.0,
            "counts": {"cancelled": 1},
        },
        [],
    ),
    "cancelled": (
        lambda it: it.cancelled(entry()),
        {
            "set": {
                "failure": (
                    '{"kind":"cancelled","message":"Its caller cancelled the conversion.",'
                    '"reason":"cancelled"}'
                ),
                "note": "",
            },
            "add": {"turn": 1},
            "stamp": ["finished_at"],
            "due_in": 10.0,
            "counts": {"cancelled": 1},
        },
        [],
    ),
    "stumbled": (
        lambda it: it.stumbled(entry(), 5),
        {"add": {"stumbles": 1}, "makes_room": True, "due_in": 5, "bell": True},
        [],
    ),
    "sent": (
        lambda it: it.sent(entry(), ["result", "link:0"], "d"),
        {"set": {"sent": "result link:0"}, "holder": "d", "due_in": 13.1},
        [],
    ),
    "undelivered": (
        lambda it: it.undelivered(entry(), 5),
        {"add": {"undelivered": 1}, "due_in": 5, "bell": True},
        [],
    ),
    "delivered": (
        lambda it: it.delivered("c1", is_dead=False),
        {
            "keep_events": 10,
            "set": {"delivered": "1"},
            "unset": _FORGOTTEN_AT_THE_END,
            "due_in": False,
            "keep_s": 604800,
            "states_alone": True,
            "silent": True,
            "leftovers": [],
        },
        [],
    ),
    "delivered: all": (
        lambda it: it.delivered(
            "c1", is_dead=False, delivery="d", request=REQUEST, leftovers=[LEFT]
        ),
        {
            "keep_events": 10,
            "set": {
                "delivered": "1",
                "request": '{"sources":[],"from":"docx","to":"pdf","params":{}}',
            },
            "unset": _FORGOTTEN_AT_THE_END,
            "due_in": False,
            "keep_s": 604800,
            "states_alone": True,
            "silent": True,
            "holder": "d",
            "release": "d",
            "leftovers": _ROWS_OF_LEFT,
        },
        [],
    ),
    "delivered: dead": (
        lambda it: it.delivered("c1", is_dead=True, request=REQUEST),
        {
            "keep_events": 10,
            "set": {"delivered": "1"},
            "due_in": False,
            "keep_s": 0,
            "states_alone": False,
            "silent": True,
            "leftovers": [],
        },
        [],
    ),
    "replay": (
        lambda it: it.replay(entry()),
        {
            "set": {
                "caller": "{}",
                "request": '{"sources":[["url","https://example.com/a.docx"]],"from":"docx","to":"pdf","params":{}}',
                "submits": "0",
                "consecutive_failures": "0",
            },
            "add": {"turn": 1, "attempt": 1},
            "stamp": ["since"],
            "unset": [
                "failure",
                "files",
                "finished_at",
                "held",
                "held_at",
                "job_id",
                "note",
                "ready_at",
                "result",
                "submitted_at",
                "unready_at",
                "usual_s",
                "late_s",
                "reuploaded",
                "lost",
                "denials",
                "stumbles",
                "faults",
                "asking",
                "confirmed",
                "cost",
                "deadline_at",
                "delivered",
                "sent",
                "undelivered",
                "uploads",
                "uploaded_at",
                "uploads_host",
                "uploads_account",
                "unclear",
                "unclear_at",
                "missing",
                "missing_at",
                "refusal",
            ],
            "due_in": 0,
            "bell": True,
            "dead": False,
            "keep_s": 0,
            "leftovers": [],
        },
        [],
    ),
    "replay: all": (
        lambda it: it.replay(
            entry(**{"file:3": '{"name":"a","uri":"u","size":1,"sha256":"0"}'}),
            timeout=600,
            leftovers=[LEFT],
        ),
        {
            "set": {
                "caller": "{}",
                "request": '{"sources":[["url","https://example.com/a.docx"]],"from":"docx","to":"pdf","params":{"Timeout":"600"}}',
                "submits": "0",
                "consecutive_failures": "0",
            },
            "add": {"turn": 1, "attempt": 1},
            "stamp": ["since"],
            "unset": [
                "failure",
                "files",
                "finished_at",
                "held",
                "held_at",
                "job_id",
                "note",
                "ready_at",
                "result",
                "submitted_at",
                "unready_at",
                "usual_s",
                "late_s",
                "reuploaded",
                "lost",
                "denials",
                "stumbles",
                "faults",
                "asking",
                "confirmed",
                "cost",
                "deadline_at",
                "delivered",
                "sent",
                "undelivered",
                "uploads",
                "uploaded_at",
                "uploads_host",
                "uploads_account",
                "unclear",
                "unclear_at",
                "missing",
                "missing_at",
                "refusal",
                "file:3",
            ],
            "due_in": 0,
            "bell": True,
            "dead": False,
            "keep_s": 0,
            "leftovers": _ROWS_OF_LEFT,
        },
        [],
    ),
    "ask_again": (
        lambda it: it.ask_again(entry()),
        {
            "set": {"caller": "{}", "asking": "1", "confirmed": "0", "consecutive_failures": "0"},
            "add": {"turn": 1},
            "stamp": ["since"],
            "unset": [
                "failure",
                "finished_at",
                "note",
                "delivered",
                "sent",
                "undelivered",
                "stumbles",
                "missing",
                "missing_at",
                "refusal",
                "deadline_at",
            ],
            "due_in": 0,
            "bell": True,
            "dead": False,
            "keep_s": 0,
        },
        [],
    ),
    "redeliver": (
        lambda it: it.redeliver(entry()),
        {
            "set": {"caller": "{}"},
            "unset": [
                "failure",
                "finished_at",
                "note",
                "delivered",
                "sent",
                "undelivered",
                "stumbles",
                "faults",
            ],
            "due_in": 13.1,
            "dead": False,
            "keep_s": 0,
        },
        [],
    ),
    "purge": (
        lambda it: it.purge(entry(), [LEFT]),
        {
            "due_in": False,
            "dead": False,
            "keep_s": -1,
            "silent": True,
            "leftovers": _ROWS_OF_LEFT,
        },
        [],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_call_asks_exactly_this_of_the_script(ledger, name):
    call, asked, learned = CASES[name]
    call(ledger)
    conversion_id, token, spec, prefix = ledger._together.args
    told = json.loads(spec)
    row = TRANSITIONS[name.partition(": ")[0]]
    of_all = {"version": 1, "keep_events": 200, "leaves": sorted(row.leaves)}

    assert (conversion_id, len(token), prefix) == ("c1", 32, "{conveyor}:")
    assert {name: value for name, value in told.items() if name in of_all} == {
        **of_all,
        **({"keep_events": told["keep_events"]} if "keep_events" in asked else {}),
    }
    state = {} if row.enters is None else {"state": row.enters.value}
    asked = {"guards": {}, "add": {}, **asked, "set": {**asked.get("set", {}), **state}}
    assert {name: told[name] for name in told.keys() - {"version", "leaves"}} == {
        "keep_events": 200,
        **asked,
    }
    assert ledger.expected_durations.calls == learned


KEYS_OF_ALL = [
    "conversion:c1",
    "due:submit",
    "dead",
    "turnstile:c1",
    "counts",
    "delivery:c1",
    "events:c1",
    "changed",
    "staging",
    "leftovers",
    "leftovers:records",
    "revoked",
    "signed",
    "due:poll",
    "due:deliver",
]


def test_script_is_given_its_keys_in_its_order(ledger):
    ledger.stumbled(entry(), 5)

    assert ledger._together.keys == [f"{{conveyor}}:{key}" for key in KEYS_OF_ALL]


def test_idempotency_key_is_the_last(ledger):
    ledger.open("c1", REQUEST, idempotency=Idempotency("key", "1:f"))

    assert ledger._together.keys[-1] == KEYS.idempotency("key")
    assert len(ledger._together.keys) == len(KEYS_OF_ALL) + 1


@pytest.mark.parametrize(
    ("bells", "rung"),
    [
        ((), []),
        (("poll", "3.5", "-1.000000"), [("poll", 3.5, NOW + 3.5)]),
        (("poll", "0.000000", "-1.000000"), [("poll", 0.0, NOW)]),
        (("poll", "-1.000000", "0.25"), [("submit", 0.25, NOW + 0.25)]),
        (("poll", "1", "2"), [("poll", 1.0, NOW + 1), ("submit", 2.0, NOW + 2)]),
    ],
)
def test_bells_that_the_script_asks_for_are_rung(ledger, bells, rung):
    ledger._together.bells = bells
    ledger.stumbled(entry(), 5)

    assert ledger._bells.rung == rung


def test_bell_of_what_is_accepted_must_be_rung(ledger):
    ledger._together.bells = ("submit", "0.0", "-1.0")
    ledger._bells.error = OSError("away")

    with pytest.raises(NotRung) as raised:
        ledger.open("c1", REQUEST)
    assert raised.value.__cause__ is ledger._bells.error
    assert ledger.stumbled(entry(), 5)


def test_bell_for_a_free_place_is_a_hint_whatever_is_noted(ledger):
    ledger._together.bells = ("submit", "-1.0", "0.25")
    ledger._bells.error = OSError("away")

    ledger.open("c1", REQUEST)
    assert ledger.stumbled(entry(), 5)


def test_interruption_of_a_bell_is_passed_on(ledger):
    ledger._together.bells = ("submit", "0.0", "-1.0")
    ledger._bells.error = KeyboardInterrupt()

    with pytest.raises(KeyboardInterrupt):
        ledger.stumbled(entry(), 5)


def test_without_bells_nothing_is_rung(ledger):
    ledger._bells = None
    ledger._together.bells = ("submit", "0.0", "-1.0")

    assert ledger.stumbled(entry(), 5)


def test_what_was_done_is_told_as_it_is_now(ledger):
    ledger._together.fields["polls"] = "9"
    changed = ledger.stumbled(entry(), 5)

    assert (changed.id, changed.polls, changed.seen_at) == ("c1", 9, NOW)


REFUSED = {
    "poll_later": lambda it: it.poll_later(entry(), 5, confirmed=True, failed=False),
    "ready": lambda it: it.ready(entry(), RESULT),
    "stumbled": lambda it: it.stumbled(entry(), 5),
    "purge": lambda it: it.purge(entry()),
    "forget": lambda it: it.forget("c1"),
    "sent": lambda it: it.sent(entry(), [], "d"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_transition_tells_nothing_and_nothing_is_learned(ledger, name):
    ledger._together.done = 0

    assert not REFUSED[name](ledger)
    assert ledger.expected_durations.calls == []


@pytest.mark.parametrize("name", ["purge", "forget"])
def test_transition_that_forgets_is_told_to_be_done(ledger, name):
    assert REFUSED[name](ledger)


def test_result_after_failed_polls_tells_nothing_of_how_long_it_took(ledger):
    ledger._together.fields["consecutive_failures"] = "1"
    ledger.ready(entry(), RESULT)

    assert ledger.expected_durations.calls == [("end",)]


def test_result_of_what_has_no_date_tells_nothing_of_how_long_it_took(ledger):
    del ledger._together.fields["submitted_at"]
    ledger.ready(entry(), RESULT)

    assert ledger.expected_durations.calls == [("end",)]


@pytest.mark.parametrize(("done", "raised"), [(-1, InvalidRequest), (-2, RevokedBefore)])
def test_what_can_not_be_accepted_says_why(ledger, done, raised):
    ledger._together.done = done

    with pytest.raises(raised, match="An uploaded file is gone" if done == -1 else "c1"):
        ledger.open("c1", REQUEST)


@pytest.mark.parametrize("bound", ["c0 1:f", "c0 2:g"])
def test_key_of_another_conversion_leads_to_it(ledger, monkeypatch, bound):
    """Fingerprints of two releases can't be compared, so they are taken to be the same."""
    monkeypatch.setattr(ledger._together, "run", lambda *_: [-3, str(NOW), [bound]])

    with pytest.raises(AlreadyAccepted) as raised:
        ledger.open("c1", REQUEST, idempotency=Idempotency("key", "1:f"))
    assert raised.value.bound == "c0"


def test_key_of_a_different_request_is_refused(ledger, monkeypatch):
    monkeypatch.setattr(ledger._together, "run", lambda *_: [-3, str(NOW), ["c0 1:g"]])

    with pytest.raises(InvalidRequest, match="'key' was used for a different request"):
        ledger.open("c1", REQUEST, idempotency=Idempotency("key", "1:f"))


def test_note_is_cut_and_half_a_character_is_replaced(ledger):
    ledger.deliver_later(entry(), 5, "\ud800" + "x" * 400)

    assert json.loads(ledger._together.args[2])["set"]["note"] == "?" + "x" * 299


def test_no_two_calls_have_the_same_token(ledger):
    tokens = set()
    for _ in range(3):
        ledger.stumbled(entry(), 5)
        tokens.add(ledger._together.args[1])

    assert len(tokens) == 3
