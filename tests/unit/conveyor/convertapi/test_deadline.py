"""When an exchange may begin, when it is over, and how its end is told."""

from __future__ import annotations

import pytest

from conveyor.convertapi.deadline import Deadline
from tests import clocks

SETTING = "CONVEYOR_ANSWER_TIMEOUT_SECONDS"


@pytest.fixture
def now(monkeypatch):
    """A clock by hand."""

    class Now:
        at = 1000.0

    clocks.put(monkeypatch, "monotonic", lambda: Now.at)
    return Now


@pytest.mark.parametrize(
    ("passed_s", "left_s", "is_late_to_begin", "is_over"),
    [
        (0.0, 30.0, False, False),
        (19.0, 11.0, False, False),
        (20.0, 10.0, True, False),
        (29.0, 1.0, True, False),
        (30.0, 0.001, True, True),
        (40.0, 0.001, True, True),
    ],
)
def test_deadline_with_a_part_that_belongs_to_the_answer(
    now, passed_s, left_s, is_late_to_begin, is_over
):
    bound = Deadline.after(30.0, SETTING, wait_s=10.0)
    now.at += passed_s

    assert bound.left_s == pytest.approx(left_s)
    assert bound.is_late_to_begin is is_late_to_begin
    assert bound.is_over is is_over


def test_request_may_begin_until_the_end_where_no_part_belongs_to_the_answer(now):
    bound = Deadline.after(30.0, SETTING)
    now.at += 29.9

    assert not bound.is_late_to_begin


def test_end_of_a_deadline_names_its_length_and_its_setting(now):
    error = Deadline.after(12.5, SETTING).overdue()

    assert str(error) == f"the answer was not whole after 12.5 s ({SETTING})"
