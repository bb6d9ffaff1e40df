from __future__ import annotations

import json
import os
import stat
from dataclasses import asdict

import pytest

from convertapi_sandbox import recording as sandbox
from conveyor.live.recording import Exchange, Fact, Recording, RecordingError, check_target, save

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


def test_the_sandbox_reads_what_is_written(tmp_path):
    path = tmp_path / "recording.json"
    save(RECORDING, path)

    read = sandbox.load(path)

    assert read.traits == RECORDING.traits
    assert [(one.label, one.status, one.headers, one.body) for one in read.exchanges] == [
        (one.label, one.status, one.headers, one.body) for one in RECORDING.exchanges
    ]


def test_the_file_is_json_in_ascii_and_says_its_version(tmp_path):
    path = tmp_path / "recording.json"
    save(RECORDING, path)

    written = json.loads(path.read_bytes().decode("ascii"))

    assert written["version"] == 1
    assert written["facts"] == [asdict(fact) for fact in RECORDING.facts]


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
    assert path.read_text() == RECORDING.to_text()
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
    assert path.read_text() == RECORDING.to_text()
    with pytest.raises(RecordingError, match="exists"):
        save(RECORDING, path)


@pytest.mark.parametrize("name", ["missing/recording.json", "."])
def test_a_place_that_can_not_be_written_is_reported_in_one_line(tmp_path, name):
    with pytest.raises(RecordingError) as refused:
        check_target(tmp_path / name, force=False)
    assert "\n" not in str(refused.value)
