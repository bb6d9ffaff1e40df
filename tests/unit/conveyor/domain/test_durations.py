from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conveyor.domain.durations import Durations, Expectation, Sighting
from conveyor.domain.life_table import MEMORY

AGES = st.floats(0, 1e6) | st.just(float("inf"))
SIGHTINGS = st.builds(Sighting, at_s=AGES, after_s=AGES, ended=st.booleans())


def _polled(seconds, first_s=5.05, spacing_s=5.05):
    """All that polls see of one conversion."""
    before_s, age_s = 0.0, first_s
    while age_s < seconds:
        yield Sighting(age_s, before_s, ended=False)
        before_s, age_s = age_s, age_s + spacing_s
    yield Sighting(age_s, before_s)


def _exact(seconds):
    return Sighting(seconds, seconds)


def _learned(seconds, known=None):
    """What is known after conversions, one after the other, whose very ends are known."""
    known = known or Durations()
    for each in seconds:
        known = known.with_([*_survived(each), _exact(each)])
    return known


def _survived(seconds):
    return [Sighting(seconds, 0.0, ended=False)]


def _lognormal(seed, count, median_s=8.0, sigma=0.5):
    rng = random.Random(seed)
    return [median_s * rng.lognormvariate(0, sigma) for _ in range(count)]


@given(st.lists(SIGHTINGS, max_size=30))
def test_whatever_was_seen_an_expectation_rises_and_is_kept(sightings):
    learned = Durations().with_(sightings)
    expectation = learned.expectation()

    if expectation is not None:
        assert list(expectation.points_s) == sorted(expectation.points_s)
        assert 0 < expectation.usual_s <= expectation.late_s
    again = Durations.load(learned.dump())
    assert len(again.begun) == len(learned.begun)
    assert again.begun == pytest.approx(learned.begun, abs=0.05)
    assert again.ended == pytest.approx(learned.ended, abs=0.05)


@given(st.text(max_size=40) | st.text(alphabet="0aZ_@", max_size=1000))
def test_a_damaged_record_is_read_as_something_that_learns_on(text):
    known = Durations.load(text)
    for _ in range(6 * MEMORY):
        known = known.with_([*_survived(10.0), _exact(10.0)])

    assert known.expectation().usual_s == pytest.approx(10.0, rel=0.1)


def test_one_or_two_conversions_are_not_yet_an_expectation():
    assert Durations().expectation() is None
    assert Durations().with_([_exact(10.0), _exact(10.0)]).expectation() is None
    assert Durations().with_([_exact(10.0)] * 4).expectation() is not None


def test_a_constant_duration_is_learned_to_a_twentieth():
    expectation = _learned([30.0] * 50).expectation()

    assert expectation.usual_s == pytest.approx(30.0, rel=0.05)
    assert expectation.late_s == pytest.approx(30.0, rel=0.05)


def test_polls_that_come_at_different_ages_tell_the_quantiles():
    """Only upper and lower bounds are seen: the ends are spread where they may have come."""
    rng, known = random.Random(3), Durations()
    for seconds in _lognormal(4, 1000):
        known = known.with_(_polled(seconds, first_s=rng.uniform(5.05, 10)))

    # The true ones are 8.0 and 15.2 s.
    assert known.expectation().usual_s == pytest.approx(8.0, rel=0.2)
    assert known.expectation().late_s == pytest.approx(15.2, rel=0.25)


def test_those_that_still_convert_count_before_any_of_them_has_ended():
    """Else a burst looks as quick as its quickest."""
    seen = [Sighting(5.05)] * 20 + [Sighting(5.05, ended=False)] * 80
    expectation = Durations().with_(seen).expectation()

    assert expectation is None or expectation.usual_s > 5.05


def test_an_outlier_of_an_hour_moves_no_more_than_the_last_point():
    known = _learned(_lognormal(1, 300))
    before = known.expectation()
    after = _learned([3600.0], known).expectation()

    assert after.usual_s == pytest.approx(before.usual_s, rel=0.05)
    assert after.late_s == pytest.approx(before.late_s, rel=0.15)


def test_a_service_that_becomes_twice_as_slow_is_learned_within_some_tens():
    known = _learned([10.0] * 500)
    counts = [count for count in range(0, 101, 10) if _usual(known, [20.0] * count) > 19]

    assert counts
    assert counts[0] <= 60


def test_a_service_that_becomes_twice_as_fast_is_learned_within_some_tens():
    known = _learned([20.0] * 500)
    counts = [count for count in range(0, 101, 10) if _usual(known, [10.0] * count) < 11]

    assert counts
    assert counts[0] <= 60


def _usual(known, more):
    return _learned(more, known).expectation().usual_s


def test_polls_that_come_late_do_not_make_what_is_expected_later():
    """Were learned when an end was seen, each aim would lie after the one before."""
    known = _learned([10.0] * 200)
    for _ in range(2000):
        known = known.with_([Sighting(known.expectation().points_s[-1] * 1.1)])

    assert known.expectation().usual_s < 11


def test_many_sightings_at_once_are_as_good_as_one_after_the_other():
    at_once = Durations().with_([Sighting(10.0, 5.0)] * 100)
    singly = Durations()
    for _ in range(100):
        singly = singly.with_([Sighting(10.0, 5.0)])

    assert at_once.expectation().usual_s == pytest.approx(singly.expectation().usual_s, rel=0.1)


def test_a_pair_takes_a_few_hundred_bytes():
    assert len(_learned(_lognormal(2, 500)).dump()) < 500
    assert len(_learned([7000.0] * 10).dump()) < 900


def test_an_expectation_is_a_value():
    """The schedule keeps what it computes of one."""
    expectation = Expectation((1.0, 2.0))

    assert hash(expectation) == hash(replace(expectation))


@pytest.mark.parametrize(("count", "is_known"), [(2, False), (3, True)])
def test_three_ends_are_enough_to_expect_something(count, is_known):
    known = Durations()
    for _ in range(count):
        known = known.with_([Sighting(6.0, 5.0)])

    assert (known.expectation() is not None) == is_known
