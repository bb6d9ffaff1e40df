from __future__ import annotations

import json
import os
import stat

import pytest

from conveyor.recording import (
    Exchange,
    Fact,
    Recording,
    RecordingError,
    check_target,
    load,
    parse,
    save,
)

RECORDING = Recording(
    recorded_on="2026-11-25",
    host="eu-v2.convertapi.com",
    allowed=3,
    spent=2,
    facts=(Fact(id="user", sentence="It is.", verdict="holds", evidence="HTTP 200."),),
    traits={"dialects": ["query"], "repeated_job_id": "refused"},
    exchanges=(
        Exchange(label="user", method="GET", path="/user", silence="no answer in time"),
        Exchange(
            label="user",
            method="GET",
            path="/user",
            query={"Async": "true"},
            sent=("Authorization",),
            status=401,
            headers={"content-type": "application/json"},
            body={"Code": 4011, "Message": "Ünknown"},
        ),
    ),
)


def test_written_file_is_read(tmp_path):
    path = tmp_path / "recording.json"
    save(RECORDING, path)
    assert load(path) == RECORDING
    assert load(path).answer("user") == RECORDING.exchanges[1]
    assert load(path).answer("nothing") is None


def test_it_is_for_its_owners_eyes_and_leaves_nothing_beside_it(tmp_path):
    path = tmp_path / "recording.json"
    before = os.umask(0)
    try:
        save(RECORDING, path)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_is_there_is_kept(tmp_path):
    path = tmp_path / "recording.json"
    path.write_text("mine")
    with pytest.raises(RecordingError, match="--force"):
        check_target(path, force=False)
    with pytest.raises(RecordingError, match="--force"):
        save(RECORDING, path)
    assert path.read_text() == "mine"
    assert list(tmp_path.iterdir()) == [path]


def test_force_replaces_it_and_narrows_its_mode(tmp_path):
    path = tmp_path / "recording.json"
    path.write_text("mine")
    path.chmod(0o644)
    check_target(path, force=True)
    assert path.read_text() == "mine"
    save(RECORDING, path, force=True)
    assert load(path) == RECORDING
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_link_is_not_written_through(tmp_path):
    path, other = tmp_path / "recording.json", tmp_path / "other"
    path.symlink_to(other)
    with pytest.raises(RecordingError, match="exists"):
        save(RECORDING, path)
    assert not other.exists()


def test_where_links_are_not_to_be_had_it_is_written_all_the_same(tmp_path, monkeypatch):
    def refuse(*_):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    path = tmp_path / "recording.json"
    save(RECORDING, path)
    assert load(path) == RECORDING
    with pytest.raises(RecordingError, match="exists"):
        save(RECORDING, path)


@pytest.mark.parametrize("name", ["missing/recording.json", "."])
def test_a_place_that_can_not_be_written_is_reported_in_one_line(tmp_path, name):
    with pytest.raises(RecordingError) as refused:
        check_target(tmp_path / name, force=False)
    assert "\n" not in str(refused.value)


def change(**values):
    return json.dumps({**json.loads(RECORDING.to_text()), **values}).encode()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not a recording"),
        (b"[" * 100_000, "not a recording"),
        (b"\xff\xfe", "not a recording"),
        (b"[]", "not a recording"),
        (change(format="else"), "not a recording"),
        (change(version=2), "another version"),
        (change(facts=[{"id": "x"}]), "damaged"),
        (change(facts=[None]), "damaged"),
        (change(traits={"dialects": []}), "damaged"),
        (change(traits={"dialects": ["latin"]}), "damaged"),
        (change(traits={"repeated_job_id": "eaten"}), "damaged"),
        (change(traits={"early_polls": []}), "damaged"),
        (change(spent="many"), "damaged"),
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
    exchange = json.loads(RECORDING.to_text())["exchanges"][1]
    with pytest.raises(RecordingError, match="damaged"):
        parse(change(exchanges=[{**exchange, "headers": headers}]))


@pytest.mark.parametrize("status", [99, 600, -1, "x"])
def test_invalid_status_is_refused(status):
    exchange = json.loads(RECORDING.to_text())["exchanges"][1]
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
