from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conveyor.domain.durations import Durations, Expectation, Sighting
from conveyor.domain.life_table import AGES, MEMORY

SECONDS = st.floats(0, 1e6) | st.just(float("inf"))
SIGHTINGS = st.builds(Sighting, at_s=SECONDS, after_s=SECONDS, ended=st.booleans())


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
    for _ in range(6):
        known = known.with_([*_survived(10.0), _exact(10.0)] * MEMORY)

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
    for _ in range(600):
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


def test_usual_is_the_middle_of_the_points_and_late_leaves_a_tenth():
    expectation = Expectation(tuple(float(n * n) for n in range(20)))

    assert expectation.usual_s == (9 * 9 + 10 * 10) / 2
    assert expectation.late_s == (17 * 17 + 18 * 18) / 2


def test_sighting_is_the_first_and_of_an_end_unless_it_says_more():
    assert Sighting(5.0) == Sighting(5.0, 0.0, ended=True)


@pytest.mark.parametrize(
    ("ends", "is_known"), [(2.49, False), (2.5, True)], ids=["faded", "hardly faded"]
)
def test_as_much_is_expected_as_is_left_of_three_ends(ends, is_known):
    assert (Durations((3.0,), (ends,)).expectation() is not None) == is_known


def test_nothing_is_expected_to_take_twice_as_long_as_any_was_seen():
    """The eighth age ends at 2 s."""
    points_s = Durations((3.0,) * 8, (*(0.0,) * 7, 3.0)).expectation().points_s

    assert points_s[-1] == 4.0
    assert points_s[15] < 2.0


@pytest.mark.parametrize(
    ("sighting", "ages"),
    [
        # An age is a quarter of a second long.
        (Sighting(1.1, 0.6), 5),
        (Sighting(1.1, 0.6, ended=False), 4),
        (Sighting(1.1, 9.0), 5),
        (Sighting(1.1, 9.0, ended=False), 0),
        (Sighting(0.0), 1),
        (Sighting(float("inf"), 1e9), AGES),
        (Sighting(float("inf"), ended=False), AGES - 1),
        (Sighting(1e9, ended=False), AGES - 1),
    ],
    ids=repr,
)
def test_sighting_tells_of_the_ages_before_it(sighting, ages):
    learned = Durations().with_([sighting])

    assert (len(learned.begun), len(learned.ended)) == (ages, ages)
    assert sum(learned.ended) == pytest.approx(1.0 if sighting.ended else 0.0)


def test_ages_before_the_sighting_before_learn_nothing():
    assert Durations().with_([Sighting(1.1, 0.6, ended=False)]).begun == (0.0, 0.0, 1.0, 1.0)


@pytest.mark.parametrize(("left", "ages"), [(0.01, 2), (0.0099, 1)])
def test_what_has_faded_below_a_hundredth_is_forgotten(left, ages):
    known = Durations((1.0, left), (0.5, 0.0)).with_([])

    assert known == Durations((1.0, left)[:ages], (0.5, 0.0)[:ages])


RECORDS = [
    (Durations(), ""),
    (Durations((1.0,), (0.0,)), "9000"),
    (Durations((64.0, 16.0), (64.0, 4.0)), "^^^^a0I0"),
]


@pytest.mark.parametrize(("known", "text"), RECORDS, ids=["nothing", "one", "two"])
def test_record_has_four_characters_an_age(known, text):
    """Another release has written it: the root of each count, in two digits of base 72."""
    assert known.dump() == text
    again = Durations.load(text)
    assert again.begun == pytest.approx(known.begun, rel=0.001)
    assert again.ended == pytest.approx(known.ended, rel=0.001)


def test_record_holds_no_more_than_is_remembered():
    assert Durations((100.0,), (65.0,)).dump() == "^^^^"


@pytest.mark.parametrize(
    "text",
    ["9", "90", "900000", "90 0", "0090", "9000" * (AGES + 1)],
    ids=["odd", "half an age", "one and a half", "no digit", "more ended than begun", "too many"],
)
def test_damaged_record_counts_as_nothing(text):
    assert Durations.load(text) == Durations()


def test_longest_record_is_read_whole():
    known = Durations.load("9090" * AGES)

    assert (len(known.begun), len(known.ended)) == (AGES, AGES)


def test_counts_that_do_not_belong_together_are_not_written():
    with pytest.raises(ValueError, match="shorter"):
        Durations((1.0, 1.0), (1.0,)).dump()
