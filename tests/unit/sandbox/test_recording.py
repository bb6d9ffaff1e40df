from __future__ import annotations

import json

import pytest

from convertapi_sandbox.recording import Exchange, Recording, RecordingError, load, parse

ANSWERED = Exchange(
    label="user",
    status=401,
    headers={"content-type": "application/json"},
    body={"Code": 4011, "Message": "Ünknown"},
)
RECORDING = Recording(
    traits={"dialects": ["query"], "repeated_job_id": "refused"},
    exchanges=(Exchange(label="user"), ANSWERED),
)
CONTENT = {
    "format": "conveyor-live-recording",
    "version": 1,
    "recorded_on": "2026-11-25",
    "traits": RECORDING.traits,
    "exchanges": [
        {"label": "user", "status": 0, "headers": {}, "body": None, "silence": "no answer in time"},
        {"label": "user", "status": 401, "headers": ANSWERED.headers, "body": ANSWERED.body},
    ],
}


def test_a_recording_is_read_as_far_as_it_is_played(tmp_path):
    path = tmp_path / "recording.json"
    path.write_text(json.dumps(CONTENT))

    assert load(path) == RECORDING


def test_the_answer_of_a_label_is_the_first_that_came():
    assert RECORDING.answer("user") == ANSWERED
    assert RECORDING.answer("nothing") is None


def change(**values):
    return json.dumps({**CONTENT, **values}).encode()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not a recording"),
        (b"[" * 100_000, "not a recording"),
        (b"\xff\xfe", "not a recording"),
        (b"[]", "not a recording"),
        (change(format="else"), "not a recording"),
        (change(version=2), "another version"),
        (change(traits={"dialects": []}), "damaged"),
        (change(traits={"dialects": ["latin"]}), "damaged"),
        (change(traits={"repeated_job_id": "eaten"}), "damaged"),
        (change(traits={"early_polls": []}), "damaged"),
        (change(exchanges=None), "damaged"),
        (change(traits=[1]), "damaged"),
        (change(exchanges=[{"label": "x"}]), "damaged"),
    ],
)
def test_invalid_recording_is_reported_in_one_line(content, words):
    with pytest.raises(RecordingError, match=words) as refused:
        parse(content)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "headers", [{"x": "a\r\nSet-Cookie: b"}, {"x\r\ny": "a"}, {"X": "a"}, {"x": 1}]
)
def test_a_header_that_would_end_another_is_refused(headers):
    exchange = CONTENT["exchanges"][1]
    with pytest.raises(RecordingError, match="damaged"):
        parse(change(exchanges=[{**exchange, "headers": headers}]))


@pytest.mark.parametrize("status", [99, 600, -1, "x"])
def test_invalid_status_is_refused(status):
    exchange = CONTENT["exchanges"][1]
    with pytest.raises(RecordingError, match="damaged"):
        parse(change(exchanges=[{**exchange, "status": status}]))


def test_a_file_that_is_missing_or_too_large_is_reported(tmp_path):
    with pytest.raises(RecordingError, match="can't read"):
        load(tmp_path / "missing.json")
    large = tmp_path / "large.json"
    with large.open("wb") as file:
        file.truncate(8 * 1024 * 1024 + 1)
    with pytest.raises(RecordingError, match="too large"):
        load(large)
