from __future__ import annotations

import json

from conveyor.callbacks.bodies import body_of, payload_of
from conveyor.domain.conversion import Failure, FailureKind, Reason, State, StoredFile
from conveyor.domain.notice import Notice

AT = 1_700_000_000.25
FILE = StoredFile("Rechnung ü.pdf", "s3://bucket/hush/a.pdf", 3, "00")


def _notice(state=State.SUCCEEDED, **more):
    return Notice("c1", 2, "msg_1", state, AT, url="https://shop.example/hush", **more)


def test_success_names_its_files_and_their_sizes():
    said = json.loads(
        body_of(payload_of(_notice(files=[FILE], cost=2, metadata={"order": "17"}, name="a.docx")))
    )

    assert said == {
        "type": "conversion.succeeded",
        "timestamp": "2023-11-14T22:13:20.250Z",
        "version": 1,
        "data": {
            "id": "c1",
            "sequence": 2,
            "state": "succeeded",
            "source_name": "a.docx",
            "metadata": {"order": "17"},
            "files": [{"name": "Rechnung ü.pdf", "size": 3}],
            "file_count": 1,
            "cost": 2,
            "failure": None,
        },
    }


def test_failure_has_a_reason_and_a_sentence_for_an_end_user():
    failure = Failure(FailureKind.INPUT, "https://hush/", 5001, 400, "hush", Reason.PASSWORD)
    said = payload_of(_notice(State.FAILED, failure=failure))["data"]["failure"]

    assert said["reason"] == "password"
    assert said["kind"] == "input"
    assert said["sentence"] == failure.sentence()
    assert said["advice"] == failure.advice()
    assert said["remedies"] == [remedy.value for remedy in failure.remedies]
    assert "hush" not in json.dumps(said)


def test_no_address_is_told():
    assert b"hush" not in body_of(payload_of(_notice(files=[FILE])))


def test_of_many_files_a_hundred_are_named_and_all_are_counted():
    said = payload_of(_notice(files=[FILE] * 1000))["data"]

    assert (len(said["files"]), said["file_count"]) == (100, 1000)


def test_half_a_character_is_sent_as_a_question_mark():
    assert b"?" in body_of(payload_of(_notice(name="\ud800")))


def test_body_has_no_needless_byte():
    assert body_of({"a": ["é", 1], "b": None}) == '{"a":["é",1],"b":null}'.encode()
