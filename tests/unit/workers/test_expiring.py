"""How long files are kept, and which of them are removed when."""

from __future__ import annotations

import pytest

from conveyor.domain.conversion import State, StoredFile
from conveyor.domain.terms import Terms
from conveyor.errors import StorageError, UnreadableConversion
from tests.unit.workers.parts import NOW, entry_of
from workers import expiring

FILES = (StoredFile("a.pdf", "x", 1, "00"), StoredFile("b.pdf", "x", 1, "00"))
OVER = {
    "state": State.SUCCEEDED,
    "delivered": True,
    "files": FILES,
    "files_until": NOW,
    "seen_at": NOW,
}


@pytest.mark.parametrize(
    ("own", "fleet_s", "kept_s"),
    [("7d", None, 604800.0), ("7d", 60.0, 604800.0), (None, 90.0, 90.0), (None, None, None)],
)
def test_own_life_goes_before_the_fleets(*, rig, own, fleet_s, kept_s):
    settings = rig.services.settings.model_copy(update={"keep_seconds": fleet_s})
    object.__setattr__(rig.services, "settings", settings)
    entry = entry_of(state=State.SUCCEEDED, terms=Terms.of(keep=own))

    assert expiring.keep_s_of(rig.services, entry) == kept_s


@pytest.mark.parametrize("state", [State.FAILED, State.EXPIRED, State.CANCELLED])
def test_without_files_there_is_no_life(rig, state):
    assert expiring.keep_s_of(rig.services, entry_of(state=state, terms=Terms.of(keep=60))) is None


@pytest.fixture
def expire(rig, monkeypatch):
    """Have it come once; one conversion is due."""
    monkeypatch.setattr(expiring, "wired", lambda: rig.services)
    due = [["c1"], []]
    rig.ledger.expiries.answers["claim"] = lambda **_: due.pop(0)
    rig.ledger.answers["files_removed"] = True

    def run(**fields):
        rig.ledger.answers["find"] = entry_of(**{**OVER, **fields})
        expiring.remove_expired()
        return rig.given("storage.remove_files")

    return run


def test_files_are_removed_by_name_and_noted(rig, expire):
    assert expire() == [{"conversion_id": "c1", "names": ["a.pdf", "b.pdf"]}]
    assert rig.the("ledger.files_removed")["entry"].id == "c1"
    assert rig.names("storage", "ledger")[-2:] == ["storage.remove_files", "ledger.files_removed"]


@pytest.mark.parametrize(
    "fields",
    [
        {"delivered": False},
        {"files_until": NOW + 0.001},
        {"files_until": None},
        {"state": State.FAILED},
        {"state": State.CONVERTING},
    ],
)
def test_what_is_not_over_is_left_alone(rig, expire, fields):
    assert expire(**fields) == []
    assert rig.given("ledger.files_removed") == []
    assert rig.the("expiries.done") == {"conversion_id": "c1"}


def test_lost_entry_loses_its_folder(rig, expire, monkeypatch):
    rig.ledger.answers["find"] = None
    expiring.remove_expired()

    assert rig.the("storage.remove_results") == {"conversion_id": "c1"}
    assert rig.the("expiries.done") == {"conversion_id": "c1"}


@pytest.mark.parametrize(
    ("part", "method", "error", "wait_s"),
    [
        ("storage", "remove_files", StorageError("no"), 60.0),
        ("ledger", "find", UnreadableConversion("c1"), 300.0),
    ],
)
def test_what_can_not_be_removed_comes_again(*, rig, expire, part, method, error, wait_s):
    rig.ledger.answers["find"] = entry_of(**OVER)
    getattr(rig, part).answers[method] = error
    expiring.remove_expired()

    assert rig.the("expiries.put_off") == {"ids": ["c1"], "wait_s": wait_s}
    assert rig.given("ledger.files_removed") == []


def test_storage_that_is_away_puts_the_batch_off_and_says_so(rig, expire):
    rig.marker.answers["check"] = StorageError("away")
    with pytest.raises(StorageError):
        expire()

    assert rig.the("expiries.put_off") == {"ids": ["c1"], "wait_s": 60.0}
