"""The cleaner removes what nobody needs, and one part's trouble is no other's."""

from __future__ import annotations

import pytest

from conveyor.errors import LedgerUnavailable, StorageError
from conveyor.ledger.audit import Audited, Lost
from workers import cleaner


@pytest.fixture(autouse=True)
def parts(rig, monkeypatch):
    monkeypatch.setattr(cleaner, "wired", lambda: rig.services)
    rig.ledger.audit.answers["step"] = Audited(awaited=0, forgotten=2, lost=())
    rig.ledger.answers["strip_dead"] = 3
    rig.ledger.notices.answers["audit"] = 0
    rig.staging.answers["remove_overdue"] = 4
    rig.index.answers["clean_metadata"] = 0


OF_LEDGER = ["audit.step", "notices.audit", "ledger.strip_dead", "index.clean_metadata"]
OF_STORAGE = ["marker.check", "staging.remove_overdue"]


@pytest.mark.parametrize(
    ("clean", "done", "counts"),
    [
        (cleaner.clean_ledger, OF_LEDGER, {"forgotten": 2, "stripped": 3}),
        (cleaner.clean_storage, OF_STORAGE, {"staged": 4}),
        (cleaner.clean, [*OF_LEDGER, *OF_STORAGE], {"forgotten": 2, "stripped": 3, "staged": 4}),
    ],
)
def test_each_part_is_cleaned_and_counted(*, rig, logged, clean, done, counts):
    clean()

    assert rig.names() == done
    assert logged == [{"event": "cleaned_up", "log_level": "info", **counts}]


def test_batches_are_bounded_and_dead_letters_keep_what_a_replay_needs(rig):
    cleaner.clean_ledger()

    assert rig.the("audit.step") == {"batch": 500}
    assert rig.the("ledger.strip_dead") == {"life_s": 3 * 3600, "limit": 500}
    assert rig.the("index.clean_metadata") == {"batch": 500}


def test_nothing_to_clean_is_not_logged(rig, logged):
    rig.ledger.audit.answers["step"] = Audited(awaited=0, forgotten=0, lost=())
    rig.ledger.answers["strip_dead"] = 0
    cleaner.clean_ledger()

    assert logged == []


def test_count_of_nothing_is_left_out_of_the_log(rig, logged):
    rig.ledger.answers["strip_dead"] = 0
    cleaner.clean_ledger()

    assert logged == [{"event": "cleaned_up", "log_level": "info", "forgotten": 2}]


def test_rows_of_metadata_that_were_taken_out_are_counted(rig, logged):
    rig.index.answers["clean_metadata"] = 7
    cleaner.clean_ledger()

    assert logged[-1]["metadata"] == 7


def test_conversions_without_a_date_are_logged(rig, logged):
    rig.ledger.audit.answers["step"] = Audited(awaited=5, forgotten=0, lost=())
    rig.ledger.answers["strip_dead"] = 0
    cleaner.clean_ledger()

    assert logged == [{"event": "unscheduled_made_due", "log_level": "warning", "count": 5}]


def test_callbacks_without_a_date_are_counted(rig, logged):
    rig.ledger.notices.answers["audit"] = 6
    cleaner.clean_ledger()

    assert rig.the("notices.audit") == {"batch": 500}
    assert logged[0]["callbacks"] == 6


def test_lost_conversions_are_reported(rig, logged):
    lost = (Lost("c9", undelivered=False),)
    rig.ledger.audit.answers["step"] = Audited(awaited=0, forgotten=0, lost=lost)
    cleaner.clean_ledger()

    assert logged[0]["event"] == "conversion_lost"
    assert logged[0]["conversion_id"] == "c9"


def test_part_that_can_not_be_cleaned_keeps_no_other(rig, logged):
    rig.ledger.audit.answers["step"] = LedgerUnavailable("away")
    with pytest.raises(LedgerUnavailable):
        cleaner.clean()

    assert "staging.remove_overdue" in rig.names()
    assert logged == [{"event": "cleaned_up", "log_level": "info", "stripped": 3, "staged": 4}]


def test_storage_that_is_not_the_one_in_use_is_not_cleaned(rig):
    rig.marker.answers["check"] = StorageError("Not ours.")
    with pytest.raises(StorageError):
        cleaner.clean_storage()

    assert rig.given("staging.remove_overdue") == []
