from __future__ import annotations

import math
import random
from types import SimpleNamespace

import pytest

from conveyor.domain import expected_polls, rules
from conveyor.domain.durations import Expectation, Sighting
from conveyor.domain.expected_polls import Polls, expect_polls

SURE = Expectation((60.0,) * 20)


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


def test_it_comes_out_the_same_whatever_the_dice_were():
    random.seed(7)
    once = expect_polls(8, 0.5, webhooks=False)
    random.seed(8)

    assert expect_polls(8, 0.5, webhooks=False) == once


@pytest.mark.parametrize(
    ("median_s", "sigma", "seconds"),
    [(8.0, 0.5, 8.0 * math.exp(0.5)), (8.0, 0.0, 8.0), (1e6, 0.0, rules.JOB_LIFE_S)],
    ids=["spread", "all the same", "longer than a job lives"],
)
def test_a_duration_is_drawn_from_a_lognormal(median_s, sigma, seconds):
    dice = SimpleNamespace(gauss=lambda mean, deviation: 10 * mean + deviation)

    assert expected_polls._duration(dice, median_s, sigma) == pytest.approx(seconds)


def _played(end_s, polls, late_s, *sightings):
    return pytest.approx((end_s, polls, late_s)), [pytest.approx(seen) for seen in sightings]


def _shown(played):
    seen = [(one.at_s, one.after_s, one.ended) for one in played.sightings]
    return (played.end_s, played.polls, played.late_s), seen


@pytest.mark.parametrize(
    ("end_s", "expectation", "expected"),
    [
        (3.0, None, _played(3.0, 1, 2.05, (5.05, 0, True))),
        (10.1, None, _played(10.1, 2, 0, (5.05, 0, False), (10.1, 5.05, True))),
        (
            12.0,
            None,
            _played(12.0, 3, 3.15, (5.05, 0, False), (10.1, 5.05, False), (15.15, 10.1, True)),
        ),
        # The first one comes to learn, the second where the first would have come.
        (55.0, SURE, _played(55.0, 2, 5.0, (50.0, 0, False), (60.0, 50.0, True))),
    ],
    ids=["first", "at its end", "third", "expected"],
)
def test_polls_tell_that_it_has_ended_since_the_one_before(
    monkeypatch, end_s, expectation, expected
):
    monkeypatch.setattr(random, "random", lambda: 0.0)

    assert _shown(expected_polls._polled(end_s, expectation)) == expected


@pytest.mark.parametrize(
    ("end_s", "expectation", "expected"),
    [
        (0.5, None, _played(0.5, 1, 0.0, (0.5, 0, False), (0.5, 0.5, True))),
        (
            # The fallback before it closes the turnstile until 15.1 s.
            12.0,
            None,
            _played(
                *(12.0, 3, 3.1, (5.05, 0, False), (10.1, 5.05, False), (12.0, 10.1, False)),
                (12.0, 12.0, True),
            ),
        ),
        (
            20.0,
            None,
            _played(
                *(20.0, 4, 0.15, (5.05, 0, False), (10.1, 5.05, False), (15.15, 10.1, False)),
                *((20.0, 15.15, False), (20.0, 20.0, True)),
            ),
        ),
        # Fallbacks begin at twice what is expected.
        (119.0, SURE, _played(119.0, 1, 0.0, (119.0, 0, False), (119.0, 119.0, True))),
    ],
    ids=["before any poll", "soon after a poll", "later", "expected"],
)
def test_a_call_tells_its_end_and_waits_for_the_poll_before(
    monkeypatch, end_s, expectation, expected
):
    monkeypatch.setattr(random, "random", lambda: 0.0)

    assert _shown(expected_polls._called(end_s, expectation)) == expected


@pytest.mark.parametrize(("webhooks", "play"), [(False, "_polled"), (True, "_called")])
def test_first_conversions_teach_the_schedule_and_are_not_counted(monkeypatch, webhooks, play):
    expectations = []

    def play_one(end_s, expectation):
        expectations.append(expectation)
        is_counted = len(expectations) > 16 * 32
        late_s = (1.0 if len(expectations) % 2 else 3.0) if is_counted else 1000.0
        polls = 2 if is_counted else 1000
        return expected_polls._Played(end_s, polls, late_s, (Sighting(end_s, end_s),))

    monkeypatch.setattr(expected_polls, play, play_one)

    expected = pytest.approx((2.0, 60.0, 2.0))
    it = expect_polls(60, 0, webhooks=webhooks)
    assert (it.each, it.duration_s, it.late_s) == expected
    assert isinstance(it, Polls)
    assert len(expectations) == (16 + 64) * 32
    # A batch learns from those before.
    assert [it is None for it in expectations[:33]] == [True] * 32 + [False]
