from __future__ import annotations

import random

import pytest

from convertapi_sandbox import Duration


@pytest.mark.parametrize("bounds", [(2, 1), (-1, 1), (-1,), (float("nan"),)])
def test_bounds_that_hold_no_time_are_refused(bounds):
    with pytest.raises(ValueError, match="from low to high"):
        Duration(*bounds)


@pytest.mark.parametrize(
    ("text", "duration"),
    [("0", Duration()), ("0.5", Duration(0.5)), ("1-3", Duration(1, 3)), ("2-2", Duration(2, 2))],
)
def test_the_command_lines_form_is_read(text, duration):
    assert Duration.parse(text) == duration


@pytest.mark.parametrize("text", ["", "soon", "1-", "-1", "1-2-3"])
def test_another_form_is_refused(text):
    with pytest.raises(ValueError, match="SECONDS or A-B"):
        Duration.parse(text)


def test_draws_stay_within_the_bounds_and_differ():
    dice = random.Random(1)
    drawn = [Duration(1, 3).draw_s(dice) for _ in range(50)]

    assert all(1 <= each <= 3 for each in drawn)
    assert len(set(drawn)) > 1


def test_one_bound_alone_is_the_time():
    assert Duration(2).draw_s(random.Random(1)) == 2
