from __future__ import annotations

import time

import pytest

from conveyor import Conversion, Conveyor, State
from web.outcome import outcome_of


@pytest.fixture
def conveyor():
    """Its Redis is away."""
    return Conveyor(broker_url="redis://127.0.0.1:9/0")


@pytest.mark.parametrize(
    ("state", "lasted_s", "elapsed_s", "fraction"),
    [
        (State.QUEUED, None, 60, 0.0),
        (State.READY, None, 60, None),
        (State.CANCELLED, 5, 5, None),
    ],
)
def test_done_work_is_announced_when_status_is_unavailable(
    *, conveyor, state, lasted_s, elapsed_s, fraction
):
    begun = time.time() - 60
    finished_at = None if lasted_s is None else begun + lasted_s
    done = Conversion("6f1c", state, "docx", "pdf", created_at=begun, finished_at=finished_at)
    answer = outcome_of(conveyor, done)

    assert (answer.id, answer.state, answer.to_format) == ("6f1c", state, "pdf")
    assert answer.progress.elapsed_s == pytest.approx(elapsed_s, abs=10)
    assert (answer.progress.fraction, answer.progress.expected_s) == (fraction, None)
