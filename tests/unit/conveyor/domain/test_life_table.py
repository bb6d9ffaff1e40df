"""The life table, number by number."""

from __future__ import annotations

from itertools import pairwise
from math import floor, log

import pytest

from conveyor.domain import rules
from conveyor.domain.life_table import (
    AGES,
    EDGES,
    MEMORY,
    POINTS,
    add_end,
    add_survival,
    age_of,
    points,
)

# Where nothing was seen.
BELIEVED = 0.04
FADED = 1 - 1 / MEMORY


def _none():
    return [0.0] * AGES


def test_ages_are_a_twenty_fifth_long_and_a_quarter_of_a_second_at_least():
    assert EDGES[0] == 0
    assert EDGES[-2] < rules.JOB_LIFE_S <= EDGES[-1]
    for low, high in pairwise(EDGES):
        assert high - low == pytest.approx(max(0.25, low / 25))


@pytest.mark.parametrize(
    ("seconds", "age"),
    [(-1.0, 0), (0.0, 0), (0.25, 0), (0.26, 1), (0.5, 1), (1e9, AGES - 1), (EDGES[-1], AGES - 1)],
)
def test_age_holds_its_own_end(seconds, age):
    assert age_of(seconds) == age


def test_survival_counts_at_each_age_before_and_fades_what_ended_there():
    begun, ended = _none(), _none()
    ended[:3] = [1.0, 1.0, 1.0]
    add_survival(begun, ended, 1, 3, 1)
    assert begun[:4] == pytest.approx([0, 1, 1, 0])
    assert ended[:4] == pytest.approx([1, FADED, FADED, 0])

    add_survival(begun, ended, 1, 3, 1)
    assert begun[:4] == pytest.approx([0, 1 + FADED, 1 + FADED, 0])


def test_many_survivals_at_once_are_as_many_one_after_the_other():
    at_once, singly, nothing = _none(), _none(), _none()
    add_survival(at_once, nothing, 0, 2, 5)
    for _ in range(5):
        add_survival(singly, nothing, 0, 2, 1)

    assert at_once == pytest.approx(singly)


def test_end_at_one_age_counts_as_one_that_reached_it_and_ended():
    begun, ended = _none(), _none()
    add_end(begun, ended, 2, 2, 1)
    assert (begun[1:4], ended[1:4]) == (pytest.approx([0, 1, 0]), pytest.approx([0, 1, 0]))

    add_end(begun, ended, 2, 2, 1)
    for counts in (begun, ended):
        assert counts[1:4] == pytest.approx([0, 1 + FADED, 0])

    add_end(begun, ended, 2, 2, 1000)
    for counts in (begun, ended):
        assert counts[2] == pytest.approx(MEMORY, rel=1e-5)


def test_end_at_one_of_two_ages_is_shared_as_it_is_believed():
    begun, ended = _none(), _none()
    add_end(begun, ended, 2, 3, 1)

    # Of those that reach the second age, all end there.
    second = (1 - BELIEVED) / (2 - BELIEVED)
    assert begun[1:5] == pytest.approx([0, 1, second, 0])
    assert ended[1:5] == pytest.approx([0, 1 - second, second, 0])


def test_end_of_a_few_at_one_of_two_ages_is_shared_alike():
    begun, ended = _none(), _none()
    add_end(begun, ended, 2, 3, 4)

    second = (1 - BELIEVED) / (2 - BELIEVED)
    reached = [MEMORY * (1 - (1 - share / MEMORY) ** 4) for share in (1, second)]
    assert begun[2:4] == pytest.approx(reached)
    assert ended[2:4] == pytest.approx([reached[0] * (1 - second), reached[1]])


@pytest.mark.parametrize(("known", "likely"), [(10, [7]), (3, [6]), (11, []), (2, [])])
def test_end_is_likely_near_the_ages_at_which_others_ended(known, likely):
    """It may have come at age 6 or 7; three ages on both sides tell of each."""
    begun, ended = _none(), _none()
    begun[known] = ended[known] = 10.0
    add_end(begun, ended, 6, 7, 1)

    parts = {6: ended[6], 7: ended[7]}
    assert [age for age, part in parts.items() if part > 0.6] == likely


def test_points_of_what_nobody_has_seen_follow_the_belief():
    seconds = list(points(_none(), _none()))

    assert len(seconds) == POINTS
    # The first ages are equally long. Within each, ends are even.
    for place, point_s in enumerate(seconds[:12]):
        left = 1 - (place + 0.5) / POINTS
        age = floor(log(left) / log(1 - BELIEVED))
        reached = (1 - BELIEVED) ** age
        assert point_s == pytest.approx(0.25 * (age + (reached - left) / (reached * BELIEVED)))


def test_points_lie_where_ends_were_seen():
    begun, ended = [1e9] * AGES, _none()
    ended[4] = 5e8
    ended[9] = 1e9
    seconds = list(points(begun, ended))

    # Half end in each of the two ages, evenly.
    halves = [1.0 + 0.25 * (n + 0.5) / 10 for n in range(10)]
    assert seconds == pytest.approx([*halves, *(half_s + 1.25 for half_s in halves)], abs=1e-6)


def test_what_nobody_has_seen_end_ends_with_the_table():
    seconds = list(points([1e9] * AGES, _none()))

    assert seconds == [EDGES[-1]] * POINTS
