"""How long an exchange may take, and which setting an operator changes."""

from __future__ import annotations

import pytest

from conveyor.convertapi.timeouts import Timeouts
from tests import clocks

BOUNDS = Timeouts(connect=5.0, read=15.0, total=31.0, transfer=700.0)
ANSWER = "CONVEYOR_ANSWER_TIMEOUT_SECONDS"


@pytest.fixture(autouse=True)
def now(monkeypatch):
    """A clock that stands."""
    clocks.put(monkeypatch, "monotonic", lambda: 1000.0)
    return 1000.0


@pytest.mark.parametrize(
    ("wait_s", "total_s", "begin_s", "setting"),
    [
        (0, 31.0, 31.0, ANSWER),
        (0.5, 31.5, 31.0, f"CONVEYOR_SEMI_ASYNC_SECONDS and {ANSWER}"),
        (20, 51.0, 31.0, f"CONVEYOR_SEMI_ASYNC_SECONDS and {ANSWER}"),
    ],
)
def test_answer_has_its_time_and_what_the_service_may_wait(now, wait_s, total_s, begin_s, setting):
    bound = BOUNDS.answer_deadline(wait_s)

    assert (bound.total_s, bound.setting) == (total_s, setting)
    assert (bound.until - now, bound.begin_until - now) == (total_s, begin_s)


def test_answer_without_a_wait_has_its_time_alone():
    assert BOUNDS.answer_deadline() == BOUNDS.answer_deadline(0)


def test_transfer_has_a_time_and_a_setting_of_its_own(now):
    bound = BOUNDS.transfer_deadline()

    assert (bound.total_s, bound.until - now, bound.begin_until - now) == (700.0, 700.0, 700.0)
    assert bound.setting == "CONVEYOR_TRANSFER_TIMEOUT_SECONDS"
