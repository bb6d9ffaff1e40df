"""A conversion that Redis has lost is reported to the caller that still waits for it."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from celery.states import FAILURE, REVOKED, STARTED, SUCCESS

from conveyor.ledger.audit import Lost
from workers import losses


@pytest.fixture
def stored(rig):
    """What the result backend was given, where tasks have these states."""

    def of(state):
        seen = []

        def get_task_meta(task_id, *, cache):
            assert cache is False
            if isinstance(state, Exception):
                raise state
            return {"status": state}

        rig.publisher.app.backend = SimpleNamespace(
            get_task_meta=get_task_meta, store_result=lambda *args: seen.append(args)
        )
        return seen

    return of


@pytest.mark.parametrize("state", ["PENDING", STARTED])
def test_caller_that_waits_learns_that_its_conversion_is_lost(rig, stored, state):
    seen = stored(state)
    losses.report(rig.services, [Lost("c1", undelivered=True)])

    ((task_id, error, written),) = seen
    assert (task_id, written) == ("c1", FAILURE)
    assert (error.kind, error.conversion_id) == ("internal", "c1")
    assert "may have been paid" in str(error)


@pytest.mark.parametrize("state", [SUCCESS, FAILURE, REVOKED])
def test_result_that_is_there_is_left_alone(rig, stored, state):
    seen = stored(state)
    losses.report(rig.services, [Lost("c1", undelivered=True)])

    assert seen == []


def test_caller_that_knows_its_outcome_is_told_nothing(rig, stored):
    seen = stored("PENDING")
    losses.report(rig.services, [Lost("c1", undelivered=False), Lost("c2", undelivered=True)])

    assert [task_id for task_id, *_ in seen] == ["c2"]


def test_result_backend_that_is_away_keeps_no_other_from_its_report(rig, stored):
    stored(OSError("away"))
    losses.report(rig.services, [Lost("c1", undelivered=True), Lost("c2", undelivered=True)])
