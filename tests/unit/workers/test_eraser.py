"""What a deleted conversion has left elsewhere is removed, and what can't be comes again."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from conveyor.domain.conversion import State
from conveyor.errors import LedgerUnavailable, StorageError, UnreadableConversion
from tests.unit.workers.parts import NOW, entry_of
from workers import eraser


@pytest.fixture
def erase(rig, monkeypatch):
    """Have the eraser come once; one conversion is due."""
    monkeypatch.setattr(eraser, "wired", lambda: rig.services)
    cancelled = []
    monkeypatch.setattr(eraser, "cancel", lambda *given: cancelled.append(given[-1]))
    rig.forgotten = []
    rig.services.backend.forget = rig.forgotten.append
    due = [["c1"], []]
    rig.erasures = SimpleNamespace(cancelled=cancelled)
    rig.ledger.erasures.answers["claim"] = lambda **_: due.pop(0)
    rig.ledger.answers.update(staged_of=["t1", "t2"], erased=True, erase=True)
    return eraser.erase_due


def _put_off(rig):
    return [(given["ids"], given["wait_s"]) for given in rig.given("erasures.put_off")]


def test_tombstone_is_followed_into_storage_and_result_backend(rig, erase):
    erase()

    assert rig.the("storage.remove_results") == {"conversion_id": "c1"}
    assert rig.given("storage.remove_folder") == [{"token": "t1"}, {"token": "t2"}]
    assert rig.forgotten == ["c1"]
    assert rig.the("ledger.erased") == {"conversion_id": "c1"}
    assert rig.given("marker.check") == [{"anew": False}]
    assert _put_off(rig) == []


def test_what_is_still_at_the_service_is_waited_for(rig, erase):
    rig.ledger.answers["erased"] = False
    erase()

    assert _put_off(rig) == [(["c1"], 5.0)]


@pytest.mark.parametrize("state", [State.QUEUED, State.CONVERTING, State.READY])
def test_what_still_runs_is_cancelled_and_comes_again(rig, erase, state):
    running = entry_of(state=state, deleted_at=NOW)
    rig.ledger.answers["find"] = running
    erase()

    assert rig.erasures.cancelled == [running]
    assert _put_off(rig) == [(["c1"], 1.0)]
    assert rig.given("storage.remove_results") == []


def test_whose_caller_does_not_know_comes_again(rig, erase):
    rig.ledger.answers["find"] = entry_of(state=State.SUCCEEDED, deleted_at=NOW)
    erase()

    assert rig.erasures.cancelled == []
    assert rig.given("ledger.erase") == []
    assert _put_off(rig) == [(["c1"], 1.0)]


def test_whose_caller_knows_becomes_a_tombstone_at_once(rig, erase):
    ended = entry_of(state=State.CANCELLED, deleted_at=NOW, delivered=True)
    rig.ledger.answers["find"] = ended
    erase()

    assert rig.the("ledger.erase")["entry"] is ended
    assert rig.the("ledger.erased") == {"conversion_id": "c1"}


def test_id_that_is_used_anew_is_left_alone(rig, erase):
    rig.ledger.answers["find"] = entry_of(state=State.CONVERTING)
    erase()

    assert rig.erasures.cancelled == []
    assert rig.the("erasures.done") == {"conversion_id": "c1"}
    assert rig.given("storage.remove_results") == []


def test_storage_that_is_away_puts_the_batch_off_and_says_so(rig, erase):
    rig.marker.answers["check"] = StorageError("away")
    with pytest.raises(StorageError):
        erase()

    assert _put_off(rig) == [(["c1"], 30.0)]
    assert rig.given("storage.remove_results") == []


@pytest.mark.parametrize(
    ("part", "error"),
    [("remove_results", StorageError("no")), ("remove_folder", StorageError("no"))],
)
def test_what_the_storage_refuses_comes_again(rig, erase, part, error):
    rig.storage.answers[part] = error
    erase()

    assert _put_off(rig) == [(["c1"], 30.0)]
    assert rig.given("ledger.erased") == []


def test_result_backend_that_is_away_comes_again(rig, erase):
    def forget(_):
        raise ConnectionError("hush")

    rig.services.backend.forget = forget
    erase()

    assert _put_off(rig) == [(["c1"], 30.0)]


def test_result_backend_that_can_not_remove_is_done_with(rig, erase):
    def forget(_):
        raise NotImplementedError

    rig.services.backend.forget = forget
    erase()

    assert rig.the("ledger.erased") == {"conversion_id": "c1"}


def test_entry_that_can_not_be_read_comes_again_later(rig, erase):
    rig.ledger.answers["find"] = UnreadableConversion("c1")
    erase()

    assert _put_off(rig) == [(["c1"], 300.0)]


def test_redis_that_is_away_ends_the_round(rig, erase):
    rig.ledger.answers["staged_of"] = LedgerUnavailable("away")
    with pytest.raises(LedgerUnavailable):
        erase()

    assert _put_off(rig) == []
