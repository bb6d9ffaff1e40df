"""A result that can't be stored comes again in time, or is given up with the right cause."""

from __future__ import annotations

import pytest
from celery.exceptions import Ignore

from conveyor.convertapi.errors import ComeLater, Refused, Unclear
from conveyor.domain import rules
from conveyor.domain.answers import RemoteFile, Result
from conveyor.domain.conversion import FailureKind, State, StoredFile
from conveyor.errors import StorageError
from conveyor.storage.marker import OtherStorage
from tests.unit.workers.parts import NOW, entry_of
from workers.unstored import come_again_or_give_up

LIFE_S = rules.FILE_LIFE_S
HOLD_S = 604_800.0
REMOTE = Result(1, (RemoteFile("a.pdf", "https://x/d/a"),))
KEPT_FILE = RemoteFile("a.pdf", kept=StoredFile("a.pdf", "file:///a.pdf", 3, "0" * 64))
KEPT = Result(1, (KEPT_FILE,))
FULL, OTHER = StorageError("Can't write: it is full."), OtherStorage("Not ours.")
PATIENCE, BROKEN = ComeLater(503), Unclear("the download was empty")


@pytest.fixture
def handle(rig, steady):
    def run(error, *, age_s=60.0, **fields):
        entry = entry_of(state=State.READY, **{"result": REMOTE, "ready_at": NOW - age_s, **fields})
        return entry, come_again_or_give_up(rig.services, entry, error)

    return run


@pytest.mark.parametrize(
    ("error", "fields", "delay_s", "is_fault"),
    [
        (FULL, {}, 5.05, True),
        (FULL, {"faults": 2}, 20, True),
        (FULL, {"faults": 5}, 60, True),
        (BROKEN, {"faults": 1}, 10, True),
        (Refused(404, 0, "Gone."), {"faults": 1}, 10, True),
        (PATIENCE, {"faults": 1}, 10, False),
        (ComeLater(503, 90.0), {"faults": 1}, 90, False),
        (ComeLater(503, 3.0), {"faults": 1}, 10, False),
        (PATIENCE, {"faults": 6, "age_s": LIFE_S}, 60, False),
        (OTHER, {"deliveries": 0}, 1, False),
        (OTHER, {"deliveries": 10, "faults": 9}, 4, False),
        (OTHER, {"age_s": LIFE_S}, 1, False),
        (OTHER, {"age_s": HOLD_S, "result": KEPT}, 1, False),
    ],
)
def test_result_that_can_not_be_stored_comes_again(
    *, rig, handle, error, fields, delay_s, is_fault
):
    with pytest.raises(Ignore):
        handle(error, **fields)

    given = rig.the("ledger.deliver_later")
    assert given.pop("entry").state is State.READY
    assert given.pop("delay_s") == pytest.approx(delay_s)
    assert given == {"note": f"the result could not be stored: {error}", "fault": is_fault}
    assert rig.names() == ["ledger.deliver_later"]


FAILED = entry_of(note="failed")
PAID = "The result is paid. Replay it within three hours to fetch it."


@pytest.mark.parametrize(
    ("error", "fields", "kind", "words"),
    [
        (FULL, {"faults": 6}, FailureKind.STORAGE, f"Can't write: it is full. {PAID}"),
        (BROKEN, {"faults": 6}, FailureKind.SERVICE, f"The download was empty. {PAID}"),
        (BROKEN, {"faults": 9}, FailureKind.SERVICE, f"The download was empty. {PAID}"),
        (
            FULL,
            {"faults": 6, "age_s": LIFE_S + 1},
            FailureKind.STORAGE,
            f"Can't write: it is full. {PAID}",
        ),
        (
            OTHER,
            {"age_s": HOLD_S + 1, "result": KEPT},
            FailureKind.STORAGE,
            f"Not ours. {PAID}",
        ),
        (BROKEN, {"faults": 6, "age_s": LIFE_S + 1, "result": KEPT}, FailureKind.SERVICE, PAID),
    ],
)
def test_result_that_can_not_be_stored_for_long_is_a_dead_letter(
    *, rig, handle, error, fields, kind, words
):
    rig.ledger.answers["failed"] = FAILED
    entry, ended = handle(error, **fields)

    assert ended is FAILED
    given = rig.the("ledger.failed")
    failure = given.pop("failure")
    assert (failure.kind, failure.code) == (kind, 0)
    assert failure.message.endswith(words)
    assert given == {"entry": entry, "cost": 0, "leaving": None}


@pytest.mark.parametrize(
    ("error", "fields"),
    [
        (PATIENCE, {}),
        (OTHER, {}),
        (BROKEN, {"faults": 6}),
        (PATIENCE, {"result": None}),
        (OTHER, {"result": Result(1, (KEPT_FILE, *REMOTE.files))}),
    ],
)
def test_result_that_the_service_no_longer_keeps_expires(*, rig, handle, error, fields):
    rig.ledger.answers["expired"] = FAILED
    entry, ended = handle(error, age_s=LIFE_S + 1, **fields)

    assert ended is FAILED
    given = rig.the("ledger.expired")
    failure = given.pop("failure")
    assert failure.kind is FailureKind.EXPIRED
    assert failure.message.endswith("A replay converts and pays again.")
    assert given == {"entry": entry, "leaving": None}


@pytest.mark.parametrize(
    ("error", "fields"), [(FULL, {"faults": 6}), (PATIENCE, {"age_s": LIFE_S + 1})]
)
def test_conversion_that_has_moved_on_is_taken_as_it_is(*, rig, handle, error, fields):
    rig.ledger.answers["find"] = FAILED
    _, ended = handle(error, **fields)

    assert ended is FAILED
    assert rig.the("ledger.find") == {"conversion_id": "c1"}


@pytest.mark.parametrize(
    ("error", "fields"), [(FULL, {"faults": 6}), (PATIENCE, {"age_s": LIFE_S + 1})]
)
def test_conversion_that_was_deleted_meanwhile_is_not_told(*, rig, handle, error, fields):
    with pytest.raises(Ignore):
        handle(error, **fields)

    assert rig.the("ledger.find") == {"conversion_id": "c1"}
