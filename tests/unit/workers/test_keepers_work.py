"""What the sweep, the watch of the storage and the look at the servers do, once each."""

from __future__ import annotations

import os
import socket
from types import SimpleNamespace

import pytest

from conveyor.diagnosis.standing import Server
from conveyor.errors import LedgerUnavailable, SettingsError, StorageError
from conveyor.ledger.claims import Due
from conveyor.storage.marker import OtherStorage
from workers import precautions, storage_watch, sweep
from workers.precautions import log_concerns, look_at_servers


def test_sweep_rings_at_once_for_each_kind_that_is_overdue(rig, monkeypatch, logged):
    monkeypatch.setattr(sweep, "wired", lambda: rig.services)
    rig.claims.answers["overdue"] = [Due("submit", 3), Due("poll", 4)]

    assert sweep.sweep() == 7
    assert rig.given("bells.ring") == [
        {"kind": "submit", "wait_s": 0, "at": 0},
        {"kind": "poll", "wait_s": 0, "at": 0},
    ]
    assert [(line["event"], line["kind"], line["count"]) for line in logged] == [
        ("overdue", "submit", 3),
        ("overdue", "poll", 4),
    ]


def test_sweep_without_anything_overdue_rings_for_nothing(rig, monkeypatch):
    monkeypatch.setattr(sweep, "wired", lambda: rig.services)
    rig.claims.answers["overdue"] = []

    assert sweep.sweep() == 0
    assert rig.given("bells.ring") == []


@pytest.mark.parametrize(
    ("error", "told", "event"),
    [
        (None, [False], []),
        (OtherStorage("Not ours."), [True], [("other_storage", "error")]),
        (StorageError("away"), [], [("storage_away", "warning")]),
    ],
)
def test_storage_that_is_another_is_told_of(*, rig, monkeypatch, logged, error, told, event):
    monkeypatch.setattr(storage_watch, "wired", lambda: rig.services)
    rig.marker.answers["check"] = error
    storage_watch.look()

    assert rig.the("marker.check") == {"anew": True}
    who = f"{socket.gethostname()}:{os.getpid()}"
    assert rig.given("mark.stands_apart") == [{"who": who, "apart": it} for it in told]
    assert [(line["event"], line["log_level"]) for line in logged] == event


@pytest.fixture
def look(monkeypatch):
    """Look at the servers; they are given, or an error is raised."""

    def run(seen, fatal=None):
        def see(ledger, app):
            assert (ledger, app) == ("the ledger", "the app")
            if isinstance(seen, Exception):
                raise seen
            return seen

        monkeypatch.setattr(precautions, "look", see)
        monkeypatch.setattr(precautions, "fatal_of", lambda servers: fatal)
        return look_at_servers("the ledger", "the app", 30.0)

    return run


def test_servers_that_were_seen_are_returned(look):
    assert look(["a server"]) == ["a server"]


def test_start_waits_three_seconds_for_the_servers(look, monkeypatch):
    waited = []
    monkeypatch.setattr(precautions, "fatal_of", lambda servers: None)
    monkeypatch.setattr(
        precautions, "begin", lambda work: SimpleNamespace(result=lambda s: waited.append(s) or [])
    )
    look_at_servers("the ledger", "the app")

    assert waited == [3.0]


def test_server_that_is_away_is_looked_at_later(look):
    assert look(LedgerUnavailable("Redis is away.")) == []
    assert look(TimeoutError()) == []


def test_server_that_no_time_will_mend_stops_the_worker(look, monkeypatch):
    monkeypatch.setattr(precautions, "is_for_ever", lambda error: str(error) == "No password.")
    with pytest.raises(SettingsError, match="No password"):
        look(LedgerUnavailable("No password."))


def test_server_that_nothing_can_work_with_stops_the_worker(look):
    with pytest.raises(SettingsError, match="It evicts"):
        look(["a server"], fatal="It evicts.")


def test_each_concern_is_one_line_of_the_log(logged):
    concerns = (
        SimpleNamespace(about="memory", detail="It evicts."),
        SimpleNamespace(about="disk", detail="It keeps nothing."),
    )
    servers = [
        Server("Redis", SimpleNamespace(concerns=concerns)),
        Server("The broker", SimpleNamespace(concerns=())),
    ]
    log_concerns(servers)

    assert [(it["server"], it["about"], it["reason"]) for it in logged] == [
        ("Redis", "memory", "It evicts."),
        ("Redis", "disk", "It keeps nothing."),
    ]
    assert {it["event"] for it in logged} == {"server_concern"}
