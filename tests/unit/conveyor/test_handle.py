from __future__ import annotations

import pytest

from conveyor.conversion import State
from conveyor.handle import progress_of

BEGUN = 1_000_000.0


@pytest.mark.parametrize(
    ("state", "fields", "pace_s", "fraction"),
    [
        (State.QUEUED, {}, 10.0, 0.0),
        (State.CONVERTING, {"submitted_at": BEGUN}, 10.0, 0.475),
        (State.CONVERTING, {"submitted_at": BEGUN}, 2.0, 0.95),
        (State.CONVERTING, {"submitted_at": BEGUN}, None, None),
        (State.CONVERTING, {"submitted_at": BEGUN}, 0.0, None),
        (State.CONVERTING, {}, 10.0, None),
        (State.READY, {}, None, 0.95),
        (State.SUCCEEDED, {"finished_at": BEGUN + 3}, None, 1.0),
        (State.FAILED, {"finished_at": BEGUN + 3}, None, None),
    ],
    ids=str,
)
def test_how_far_it_is(state, fields, pace_s, fraction, entry_of):
    entry = entry_of(state=state, created_at=BEGUN, seen_at=BEGUN + 5, **fields)

    progress = progress_of(entry, pace_s)

    assert progress.state is state
    assert progress.fraction == (fraction if fraction is None else pytest.approx(fraction))
    assert progress.elapsed_s == (3 if "finished_at" in fields else 5)


@pytest.mark.parametrize("state", [state for state in State if state is not State.SUCCEEDED])
def test_nothing_but_success_is_done(state, entry_of):
    entry = entry_of(state=state, created_at=BEGUN, submitted_at=BEGUN, seen_at=BEGUN + 1e6)

    assert (progress_of(entry, 0.001).fraction or 0) < 1


def test_a_clock_that_went_back_brings_no_negative_time(entry_of):
    assert progress_of(entry_of(created_at=BEGUN, seen_at=BEGUN - 60), None).elapsed_s == 0
