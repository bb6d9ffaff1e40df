from __future__ import annotations

import random

import pytest

from conveyor.domain.expected_polls import expect_polls


def test_known_durations_of_60_s_are_polled_about_twice():
    """`docs/schedule.md` has 1.90, of another simulation of the same schedule."""
    assert expect_polls(60, 0, webhooks=False).each == pytest.approx(1.9, abs=0.2)


def test_a_wider_spread_takes_more_polls():
    polls = [expect_polls(8, sigma, webhooks=False).each for sigma in (0.2, 0.5, 1)]

    assert polls == sorted(polls)
    assert polls[0] < 1.5 < polls[1] < 2 < polls[2]


def test_calls_leave_few_polls_and_none_late():
    it = expect_polls(8, 0.5, webhooks=True)

    assert 1 <= it.each < 1.1
    assert it.late_s < 0.2


def test_the_mean_of_a_lognormal_is_above_its_median():
    """By exp(sigma ** 2 / 2): 1.133."""
    assert expect_polls(8, 0.5, webhooks=True).duration_s == pytest.approx(8 * 1.133, rel=0.03)


def test_it_comes_out_the_same_each_time_and_leaves_the_dice_alone():
    random.seed(7)
    expected = random.random()
    random.seed(7)

    once, again = (expect_polls(8, 0.5, webhooks=False) for _ in range(2))

    assert once == again
    assert random.random() == expected
