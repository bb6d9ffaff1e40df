"""Which values of an entry's fields are read, and which are damaged."""

from __future__ import annotations

import json

import pytest

from conveyor.domain.conversion import Failure, FailureKind, State, StoredFile
from conveyor.domain.dialect import Dialect
from conveyor.domain.request import ConversionRequest
from conveyor.domain.request_json import dump_request
from conveyor.errors import NewerEntry, UnreadableConversion
from conveyor.ledger.encoding import decode, fields_of
from conveyor.ledger.records import dump_failure, dump_file, file_field

REQUEST = ConversionRequest.build("https://example.com/a.docx", "pdf")
FIELDS = {"state": "queued", "request": dump_request(REQUEST), "turn": "0", "attempt": "1"}
MOST = 2**52
NUMBERS = (
    *("turn", "attempt", "deliveries", "faults", "denials", "submits", "lost", "missing", "polls"),
    *("consecutive_failures", "stumbles", "undelivered", "cost"),
)
FLAGS = (
    *("shared", "reuploaded", "foreign_ids", "held", "webhook", "webhook_received", "delivered"),
    *("confirmed", "asking"),
)
MOMENTS = (
    *("held_at", "unclear_at", "missing_at", "submitted_at", "ready_at", "finished_at"),
    *("unready_at", "usual_s", "late_s"),
)
DATES = ("created_at", "since", "uploaded_at")
TEXTS = (
    *("asked", "uploads_host", "uploads_account", "job_id", "base_url", "account", "unclear"),
    "sent",
)


def _read(**fields):
    return decode("c1", {**FIELDS, **fields}, 9.5)


def _refused(**fields):
    with pytest.raises(UnreadableConversion) as raised:
        _read(**fields)
    return raised


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("text", ["0", "7", "-3", "10", str(MOST), str(-MOST)])
def test_whole_number_is_read(name, text):
    assert getattr(_read(**{name: text}), name) == int(text)


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize(
    "text",
    ["", "x", "07", "-0", "1.0", "1e3", " 1", str(MOST + 1), str(-MOST - 1), "9" * 17, "\u0661"],
)
def test_what_redis_can_not_raise_is_damaged(name, text):
    _refused(**{name: text})


@pytest.mark.parametrize("name", FLAGS)
def test_flag_is_0_or_1(name):
    assert getattr(_read(**{name: "1"}), name) is True
    assert getattr(_read(**{name: "0"}), name) is False
    _refused(**{name: "2"})


@pytest.mark.parametrize("name", [*MOMENTS, *DATES])
@pytest.mark.parametrize("text", ["0", "0.5", str(2.0**37)])
def test_time_is_read(name, text):
    assert getattr(_read(**{name: text}), name) == float(text)


@pytest.mark.parametrize("name", [*MOMENTS, *DATES])
@pytest.mark.parametrize("text", ["x", "nan", "inf", "-0.1", str(2.0**37 + 1)])
def test_what_a_date_can_not_show_is_damaged(name, text):
    _refused(**{name: text})


def test_empty_time_is_none_and_an_empty_date_is_0():
    assert [getattr(_read(**{name: ""}), name) for name in MOMENTS] == [None] * len(MOMENTS)
    assert [getattr(_read(**{name: ""}), name) for name in DATES] == [0.0] * len(DATES)


@pytest.mark.parametrize("name", TEXTS)
def test_text_that_was_none_is_damaged(name):
    assert getattr(_read(**{name: "x"}), name) == "x"
    _refused(**{name: "x\ufffd"})


def test_note_may_be_anything():
    assert _read(note="x\ufffd").note == "x\ufffd"


@pytest.mark.parametrize("version", ["1", "0", "-1"])
def test_version_that_is_ours_is_read(version):
    assert _read(v=version).id == "c1"


@pytest.mark.parametrize("version", ["2", "1000"])
def test_newer_version_is_left_alone(version):
    with pytest.raises(NewerEntry):
        _read(v=version)


@pytest.mark.parametrize("version", ["1001", "x", ""])
def test_version_that_is_none_is_damaged(version):
    _refused(v=version)


@pytest.mark.parametrize("word", ["abc", "paused", "on_hold", "a" * 32])
@pytest.mark.parametrize("name", ["state", "dialect"])
def test_word_of_a_later_release_is_newer(name, word):
    with pytest.raises(NewerEntry):
        _read(**{name: word})


@pytest.mark.parametrize("word", ["", "ab", "Paused", "_ab", "a b", "a" * 33, "ä" * 5])
@pytest.mark.parametrize("name", ["state", "dialect"])
def test_word_that_is_none_is_damaged(name, word):
    _refused(**{name: word})


@pytest.mark.parametrize("missing", ["turn", "attempt"])
def test_conversion_that_goes_on_has_a_turn_and_an_attempt(missing):
    fields = {name: text for name, text in FIELDS.items() if name != missing}

    with pytest.raises(UnreadableConversion):
        decode("c1", fields, 9.5)
    assert decode("c1", {**fields, "state": "succeeded"}, 9.5).state is State.SUCCEEDED


def test_finished_one_without_a_turn_has_turn_0():
    assert decode("c1", {"state": "failed", "request": dump_request(REQUEST)}, 9.5).turn == 0


@pytest.mark.parametrize("missing", ["job_id", "base_url", "both"])
def test_what_was_posted_has_a_job_and_a_host(missing):
    there = {"job_id": "j", "base_url": "http://x"}
    fields = {} if missing == "both" else {**there, missing: ""}

    _refused(state="converting", **fields)
    assert _read(state="converting", **there).job_id == "j"
    assert _read(state="queued", **fields).state is State.QUEUED


@pytest.mark.parametrize("missing", ["state", "request"])
def test_entry_without_a_state_or_a_request_is_damaged(missing):
    with pytest.raises(UnreadableConversion):
        decode("c1", {name: text for name, text in FIELDS.items() if name != missing}, 9.5)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("request", "{"),
        ("request", "[]"),
        ("caller", "["),
        ("caller", "[]"),
        ("caller", '{"callbacks":[{"task":""}]}'),
        ("caller", '{"callbacks":[{"args":[]}]}'),
        ("uploads", "[1]"),
        ("uploads", '{"a": 1}'),
        ("result", "[]"),
        ("result", "{}"),
        ("result", '{"cost":1,"files":{},"extra":{}}'),
        ("failure", "{}"),
        ("failure", '{"kind":1,"message":"m"}'),
        ("files", "{}"),
        ("files", "[1]"),
        ("file:0", "{}"),
        ("file:x", dump_file(StoredFile("a", "u", 1, "0"))),
        ("result", "[" * 100_000),
    ],
)
def test_json_of_another_shape_is_damaged(name, text):
    _refused(**{name: text})


@pytest.mark.parametrize("name", ["result", "failure", "refusal"])
def test_empty_record_is_none(name):
    assert getattr(_read(**{name: ""}), name) is None


def test_empty_collections_are_empty():
    entry = _read(uploads="", files="")

    assert (entry.uploads, entry.files, entry.stored) == ({}, (), {})


def test_failure_of_a_class_that_is_not_known_is_internal():
    entry = _read(failure='{"kind":"new","message":"m"}')

    assert entry.failure == Failure(FailureKind.INTERNAL, "m")


def test_refusal_is_a_failure():
    refusal = Failure(FailureKind.SERVICE, "no", code=1, status=2)

    assert _read(refusal=dump_failure(refusal)).refusal == refusal


def test_files_that_are_stored_are_known_by_their_place():
    file = StoredFile("a", "u", 1, "0")

    assert _read(**{file_field(3): dump_file(file)}).stored == {3: file}


def test_dialect_is_read():
    assert _read(dialect="query").dialect is Dialect.QUERY


def test_unknown_field_is_passed_over():
    assert _read(later="x") == _read()


def test_long_request_is_read_as_a_short_one_is():
    request = ConversionRequest.build("https://example.com/a.docx", "pdf", params={"A": "x" * 5000})

    assert _read(request=dump_request(request)).request == request


def test_request_that_was_read_before_is_the_same_object():
    assert _read().request is _read().request


def test_time_at_which_it_was_read_is_told():
    assert _read().seen_at == 9.5


def test_fields_come_by_turns():
    assert fields_of(["a", "1", "b", "2"]) == {"a": "1", "b": "2"}
    with pytest.raises(ValueError, match="shorter"):
        fields_of(["a", "1", "b"])


def test_half_a_character_is_written_as_a_question_mark():
    text = dump_failure(Failure(FailureKind.SERVICE, "a\ud800b"))

    assert json.loads(text)["message"] == "a?b"
