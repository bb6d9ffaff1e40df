"""What was claimed is worked on side by side, and no conversion's trouble is another's."""

from __future__ import annotations

import pytest
from celery.exceptions import Ignore
from kombu.exceptions import OperationalError
from structlog.contextvars import get_contextvars
from structlog.testing import capture_logs

from conveyor.errors import LedgerUnavailable, UnreadableConversion
from tests.unit.workers.parts import entry_of, pass_of
from workers.claiming import begin, begin_on, look_after, room_for


@pytest.mark.parametrize(("room", "most"), [(1, 1), (63, 63), (64, 64), (65, 64), (500, 64)])
def test_claim_takes_as_many_as_there_is_room_for(rig, room, most):
    rig.room = room
    with room_for(rig.services, "poll", 7.0) as limit:
        assert limit == most

    assert rig.given("claims.put_off") == []
    assert rig.the("crew.turn") == {"patience_s": 1.0}


def test_crew_without_room_has_another_bell_rung(rig):
    rig.room = 0
    with pytest.raises(Ignore), room_for(rig.services, "poll", 7.0):
        raise AssertionError("it must not claim")

    assert rig.the("claims.put_off") == {"kind": "poll", "wait_s": 1.0, "at": 7.0}


def test_claimed_conversions_are_worked_on_while_their_leases_are_renewed(rig):
    done = []
    passes = [pass_of(entry_of(id=name)) for name in ("c1", "c2")]
    begun = begin_on(
        rig.services, "conveyor.poll", passes, lambda one, work: done.append((one, work))
    )

    assert begun == 2
    assert [one for one, _ in done] == passes
    assert [work for _, work in done] == rig.works
    assert rig.given("heartbeat.renewing") == [
        {"held": one, "most_s": rig.services.most_answer_s} for one in passes
    ]


def test_claim_that_has_lapsed_is_not_worked_on(rig):
    passes = [pass_of(entry_of(id="c1"), good_until=0.0), pass_of(entry_of(id="c2"))]
    done = []
    begin_on(rig.services, "conveyor.poll", passes, lambda one, _: done.append(one.entry.id))

    assert done == ["c2"]


def test_one_thing_is_done_for_each_conversion(rig):
    done = []
    jobs = {name: lambda name=name: done.append(name) for name in ("c1", "c2")}

    assert begin(rig.services, "conveyor.deliver", jobs) == 2
    assert done == ["c1", "c2"]


def _raising(error):
    def do():
        raise error

    return do


@pytest.mark.parametrize(
    "error", [Ignore(), LedgerUnavailable("Redis is away."), OperationalError("away")]
)
def test_conversion_that_is_left_alone_is_not_counted(rig, error):
    look_after(rig.services, "conveyor.poll", "c1", _raising(error))

    assert rig.did == []


def test_unexpected_error_is_counted_on_its_conversion(rig):
    with capture_logs() as logs:
        look_after(rig.services, "conveyor.poll", "c1", _raising(ZeroDivisionError()))

    assert rig.the("ledger.find") == {"conversion_id": "c1"}
    assert [(line["event"], line["log_level"]) for line in logs] == [("stumbled", "error")]


def test_unreadable_entry_is_put_aside(rig):
    look_after(rig.services, "conveyor.poll", "c1", _raising(UnreadableConversion("c9")))

    assert rig.did == [("ledger.set_aside", {"conversion_ids": ["c9"]})]


@pytest.mark.parametrize(
    "away", [LedgerUnavailable("Redis is away."), OperationalError(), UnreadableConversion("c1")]
)
@pytest.mark.parametrize("error", [ZeroDivisionError(), UnreadableConversion("c9")])
def test_stumble_that_can_not_be_counted_ends_in_peace(rig, away, error):
    rig.ledger.answers.update(find=away, set_aside=away)
    look_after(rig.services, "conveyor.poll", "c1", _raising(error))


def test_lines_of_its_log_name_conversion_and_task(rig):
    seen = {}
    look_after(rig.services, "conveyor.poll", "c1", lambda: seen.update(get_contextvars()))

    assert seen == {"conversion_id": "c1", "task": "conveyor.poll"}
