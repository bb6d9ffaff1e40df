"""Unexpected exceptions are counted, and the third one ends a conversion."""

from __future__ import annotations

import pytest

from conveyor.domain.conversion import FailureKind, State
from conveyor.errors import NewerEntry, UnreadableConversion
from tests.unit.workers.parts import entry_of
from workers import stumbles
from workers.stumbles import internal_failure, put_aside, stumble


@pytest.fixture
def rung(monkeypatch):
    """The conversions of which a delivery was sent."""
    sent = []
    monkeypatch.setattr(
        stumbles.bells, "deliver", lambda publisher, entry: sent.append((publisher, entry))
    )
    return sent


def test_conversion_that_nobody_knows_is_not_counted(rig, rung):
    assert stumble(rig.services, "c9") is False
    assert rig.did == [("ledger.find", {"conversion_id": "c9"})]


@pytest.mark.parametrize(("before", "delay_s"), [(0, 5), (1, 10), (2, 20), (9, 60)])
def test_stumble_is_counted_and_the_wait_doubles(*, rig, rung, before, delay_s):
    entry = entry_of(stumbles=before)
    rig.ledger.answers["find"] = entry

    assert stumble(rig.services, "c1") is True
    assert rig.the("ledger.stumbled") == {"entry": entry, "delay_s": delay_s}
    # It has moved on meanwhile: nothing more is done.
    assert rig.given("ledger.failed") == []


def test_stumble_after_the_delivery_counts_for_nothing(rig, rung):
    rig.ledger.answers["find"] = entry_of(delivered=True)

    assert stumble(rig.services, "c1") is True
    assert rig.names() == ["ledger.find"]


@pytest.mark.parametrize(("times", "is_buried"), [(2, False), (3, True), (4, True)])
def test_third_stumble_ends_the_conversion_and_its_caller_learns_of_it(
    *, rig, rung, times, is_buried
):
    noted, buried = entry_of(stumbles=times, submits=1), entry_of(note="buried")
    rig.ledger.answers.update(find=entry_of(), stumbled=noted, failed=buried)
    stumble(rig.services, "c1")

    assert bool(rig.given("ledger.failed")) is is_buried
    assert rung == ([(rig.publisher, buried)] if is_buried else [])
    for given in rig.given("ledger.failed"):
        assert given["entry"] is noted
        assert given["failure"] == internal_failure(noted)
        assert given["cost"] == 0


def test_conversion_that_has_moved_on_is_not_delivered_for_a_stumble(rig, rung):
    rig.ledger.answers.update(find=entry_of(), stumbled=entry_of(stumbles=3))
    stumble(rig.services, "c1")

    assert rung == []


@pytest.mark.parametrize(
    ("state", "times", "is_given_up"),
    [
        (State.SUCCEEDED, 59, False),
        (State.SUCCEEDED, 60, True),
        (State.FAILED, 60, True),
        (State.FAILED, 3, False),
    ],
)
def test_outcome_that_can_not_be_delivered_is_given_up_after_sixty(
    *, rig, rung, state, times, is_given_up
):
    rig.ledger.answers.update(find=entry_of(), stumbled=entry_of(state=state, stumbles=times))
    stumble(rig.services, "c1")

    given = [(it["conversion_id"], it["is_dead"]) for it in rig.given("ledger.delivered")]
    assert given == ([("c1", state is State.FAILED)] if is_given_up else [])
    assert rig.given("ledger.failed") == []


def test_unreadable_entry_is_put_aside(rig):
    rig.ledger.answers["set_aside"] = 1
    put_aside(rig.services, UnreadableConversion("c1"))

    assert rig.the("ledger.set_aside") == {"conversion_ids": ["c1"]}


def test_entry_of_a_later_release_is_left_where_it_is(rig):
    put_aside(rig.services, NewerEntry("c1"))

    assert rig.did == []


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        (None, "Nothing was paid. A replay tries it again."),
        (entry_of(), "Nothing was paid. A replay tries it again."),
        (entry_of(submits=1), "It may have been paid: a replay tries it again."),
    ],
)
def test_failure_after_stumbles_says_whether_it_may_be_paid(entry, words):
    failure = internal_failure(entry)

    assert failure.kind is FailureKind.INTERNAL
    assert failure.message.endswith(words)
    assert "log has the traceback" in failure.message
