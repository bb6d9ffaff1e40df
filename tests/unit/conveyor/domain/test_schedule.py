from __future__ import annotations

import math
import random
from statistics import NormalDist, fmean, quantiles

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from config.settings import WorkerSettings
from conveyor.domain import delays, fallback_polls, polls, retries, rules
from conveyor.domain.durations import Expectation

# Jitter lengthens a delay by at most a tenth; the margin lies above the turnstile's own.
JITTERED = 1.1
MARGIN_S = 0.05


# The bounds that the setting itself has.
_BOUNDS = WorkerSettings.model_fields["poll_spacing_seconds"].metadata
LEAST_S = next(bound.ge for bound in _BOUNDS if hasattr(bound, "ge"))
MOST_S = next(bound.le for bound in _BOUNDS if hasattr(bound, "le"))

SPACINGS = st.floats(LEAST_S, MOST_S)
AGES = st.floats(0, 10 * rules.JOB_LIFE_S)
COUNTS = st.integers(0, 100_000)
POINTS = st.lists(st.floats(0, 1e5), min_size=20, max_size=20)
EXPECTATIONS = st.none() | POINTS.map(lambda points_s: Expectation(tuple(sorted(points_s))))
# As wide as a lognormal of sigma 0.5 with a median of 8 s.
WIDE = Expectation(
    tuple(8 * math.exp(0.5 * NormalDist().inv_cdf((n + 0.5) / 20)) for n in range(20))
)


def _sharp(seconds):
    return Expectation((seconds,) * 20)


@given(
    st.one_of(
        st.tuples(st.just(polls.next_poll), SPACINGS, AGES, COUNTS),
        st.tuples(st.just(polls.until_proof), SPACINGS, AGES, AGES),
        st.tuples(st.just(retries.retry_submit), SPACINGS, COUNTS),
        st.tuples(st.just(retries.retry_storage), SPACINGS, COUNTS),
    )
)
@example((polls.next_poll, LEAST_S, 0.0, 0))
def test_no_delay_is_below_the_spacing_or_above_the_longest_countdown(call):
    function, spacing_s, *history = call
    delay_s = function(spacing_s, *history)

    assert spacing_s < delay_s <= delays.MAX_DELAY_S


@pytest.mark.parametrize(
    ("failures", "wait_s"),
    [(0, 5), (1, 10), (2, 20), (3, 40), (6, 300), (7, 300), (100_000, 300)],
)
def test_a_delete_is_tried_again_after_longer_and_longer_waits(failures, wait_s):
    delay_s = retries.retry_delete(5.0, failures)

    assert wait_s <= delay_s <= min((wait_s + MARGIN_S) * JITTERED, retries.MAX_DELETE_S)


@pytest.mark.parametrize(("took_s", "wait_s"), [(0.0, 20.0), (12.0, 8.0), (30.0, 5.0)])
@pytest.mark.parametrize("again", [polls.next_poll, fallback_polls.next_fallback])
def test_longer_wait_after_a_useless_answer_began_with_the_poll(again, took_s, wait_s):
    delay_s = again(5.0, 10.0, 2, took_s=took_s)

    assert wait_s < delay_s <= (wait_s + MARGIN_S) * JITTERED


@given(
    st.one_of(
        st.tuples(st.just(polls.first_poll), SPACINGS, EXPECTATIONS, AGES),
        st.tuples(st.just(polls.next_poll), SPACINGS, AGES, st.just(0), EXPECTATIONS),
        st.tuples(st.just(fallback_polls.first_fallback), SPACINGS, EXPECTATIONS),
        st.tuples(st.just(fallback_polls.next_fallback), SPACINGS, AGES, COUNTS),
    )
)
@example((polls.first_poll, MOST_S, None, 0.0))
def test_no_aimed_delay_is_below_the_spacing_or_above_the_longest_fallback(call):
    function, spacing_s, *history = call
    delay_s = function(spacing_s, *history)

    assert spacing_s < delay_s <= polls.MAX_FALLBACK_S


@pytest.mark.parametrize(
    ("expectation", "least_s", "most_s"),
    [
        (None, 5, 5.2),
        (_sharp(1.0), 5, 5.2),
        (_sharp(4.0), 8, 8.2),
        (_sharp(50.0), 100, 102),
        (_sharp(900.0), 150, 150),
        (WIDE, 2 * WIDE.late_s, 2 * WIDE.late_s * 1.03),
    ],
    ids=["unknown", "fast", "twice", "slow", "bounded", "nine of ten have ended"],
)
def test_the_fallback_comes_when_such_a_conversion_should_long_have_ended(
    expectation, least_s, most_s
):
    assert least_s <= fallback_polls.first_fallback(5.0, expectation) <= most_s


@pytest.mark.parametrize("expectation", [None, _sharp(4.0)], ids=["unknown", "of the quick"])
def test_the_fallback_of_a_crowd_waits_until_more_is_known(expectation):
    assert 30 <= fallback_polls.first_fallback(5.0, expectation, mostly_open=True) <= 31


def test_fallback_polls_come_when_the_age_has_grown_by_half():
    assert 50 <= fallback_polls.next_fallback(5.0, 100.0) <= 51


def test_an_answer_that_says_nothing_is_not_left_to_the_fallback():
    """The webhook may have called for the very poll that was lost."""
    assert (
        fallback_polls.next_fallback(5.0, 100.0, consecutive_failures=1)
        <= polls.next_poll(5.0, 100.0, 1) * 1.1
    )


@pytest.mark.parametrize(
    ("consecutive_failures", "vendor_s"),
    [(0, 5), (1, 10), (2, 15), (3, 15), (50, 15)],
    ids=str,
)
def test_a_throttled_submit_waits_5_then_10_then_15_seconds(consecutive_failures, vendor_s):
    for _ in range(50):
        delay_s = retries.retry_submit(5.0, consecutive_failures)
        assert vendor_s <= delay_s <= (vendor_s + MARGIN_S) * JITTERED


@pytest.mark.parametrize(
    ("expectation", "least_s", "most_s"),
    [
        (None, 5, 5.2),
        (_sharp(0.5), 5, 5.2),
        (_sharp(20.0), 20, 20.5),
        (_sharp(60.0), 60, 61.5),
        (_sharp(3600.0), polls.MAX_FALLBACK_S, polls.MAX_FALLBACK_S),
        (WIDE, 6, 8),
    ],
    ids=["unknown", "faster than the spacing", "always the same", "a minute", "bounded", "wide"],
)
def test_most_first_polls_come_where_such_a_conversion_probably_ends(expectation, least_s, most_s):
    delays_s = [polls.first_poll(5.0, expectation) for _ in range(400)]

    assert sum(least_s <= delay_s <= most_s for delay_s in delays_s) > 300
    assert max(delays_s) <= most_s


def test_duration_of_the_post_is_not_part_of_the_wait():
    delays_s = [polls.first_poll(5.0, _sharp(20.0), age_s=3.0) for _ in range(100)]

    assert max(delays_s) <= 17.5


def test_a_poll_that_came_early_to_learn_is_followed_by_one_at_the_aim():
    early_s = [each for _ in range(2000) if (each := polls.first_poll(5.0, _sharp(20.0))) < 19]

    assert 50 < len(early_s) < 250
    for age_s in early_s:
        assert 20 <= age_s + polls.next_poll(5.0, age_s, 0, _sharp(20.0)) < 21


def test_after_answers_that_say_nothing_nothing_is_aimed():
    assert polls.next_poll(5.0, 5.0, 1, _sharp(100.0)) < 12


def _simulated(expectation, ends_s):
    """How many polls each conversion takes, and how late its end is seen."""
    for end_s in ends_s:
        taken, age_s = 1, polls.first_poll(5.0, expectation)
        while age_s < end_s:
            age_s += polls.next_poll(5.0, age_s, 0, expectation)
            taken += 1
        yield taken, age_s - end_s


@pytest.mark.parametrize(
    ("expectation", "most_polls", "most_p50_s", "most_p99_s"),
    [(WIDE, 2.0, 2.9, 6.0), (_sharp(10.0), 1.2, 0.3, 5.3), (_sharp(60.0), 1.2, 1.3, 13)],
    ids=["lognormal", "10 s", "60 s"],
)
def test_known_duration_costs_few_polls_and_little_delay(
    expectation, most_polls, most_p50_s, most_p99_s
):
    rng = random.Random(1)
    ends_s = [rng.lognormvariate(math.log(8), 0.5) for _ in range(4000)]
    if expectation is not WIDE:
        ends_s = [expectation.usual_s] * 4000
    polls, late_s = zip(*_simulated(expectation, ends_s), strict=True)

    assert fmean(polls) <= most_polls
    assert quantiles(late_s, n=100)[49] <= most_p50_s
    assert quantiles(late_s, n=100)[98] <= most_p99_s


@given(SPACINGS, AGES, COUNTS)
def test_a_result_is_seen_late_by_at_most_about_a_fifth_of_its_age(
    spacing_s, age_s, consecutive_failures
):
    """In proportion to the age, within the bounds; only silence makes it longer."""
    least_s = min(0.2 * age_s, delays.MAX_DELAY_S)
    assert polls.next_poll(spacing_s, age_s, consecutive_failures) >= least_s
    most_s = max(0.2 * age_s, spacing_s + MARGIN_S) * JITTERED
    assert polls.next_poll(spacing_s, age_s) <= most_s + 1e-9


def test_polls_back_off_after_answers_that_say_nothing():
    waits_s = [polls.next_poll(5.0, 0.0, consecutive_failures) for consecutive_failures in range(6)]

    assert [round(wait_s, -1) // 5 * 5 for wait_s in waits_s[1:4]] == [10, 20, 40]
    assert waits_s[4:] == [delays.MAX_DELAY_S] * 2


def test_deliveries_are_tried_again_ever_more_slowly():
    waits_s = [retries.retry_storage(5.0, attempt) for attempt in range(6)]

    assert waits_s == sorted(waits_s)
    assert waits_s[0] < 6
    assert waits_s[-1] == delays.MAX_DELAY_S


def test_a_batch_spreads():
    assert len({polls.first_poll(5.0, _sharp(10.0)) for _ in range(100)}) > 90
