"""What has missed its deadline is cancelled, and counted."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from tests.unit.workers.parts import entry_of
from workers import deadlines


@pytest.fixture
def end_late(rig, monkeypatch):
    monkeypatch.setattr(deadlines, "wired", lambda: rig.services)
    rig.ledger.answers["late"] = [entry_of(id="c1"), entry_of(id="c2"), entry_of(id="c3")]
    return deadlines.end_late


def test_those_that_were_late_are_counted_and_told_of(rig, end_late, monkeypatch):
    """One of them has begun in the meantime."""
    asked = []

    def cancel_if_late(publisher, ledger, entry):
        asked.append((publisher, ledger))
        return None if entry.id == "c2" else entry

    monkeypatch.setattr(deadlines, "cancel_if_late", cancel_if_late)
    with capture_logs() as logs:
        assert end_late() == 2

    assert asked == [(rig.services.publisher, rig.services.ledger)] * 3
    assert [(line["event"], line["conversion_id"]) for line in logs] == [
        ("missed_deadline", "c1"),
        ("missed_deadline", "c3"),
    ]
    assert rig.the("ledger.late") == {"limit": deadlines._BATCH}
