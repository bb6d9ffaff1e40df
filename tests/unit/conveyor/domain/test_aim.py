from __future__ import annotations

import pytest

from conveyor.domain.aim import _cost, aim


def _points(*counted):
    return tuple(end_s for count, end_s in counted for _ in range(count))


@pytest.mark.parametrize(
    ("points_s", "aim_s"),
    [
        (_points((20, 20.0)), 20.0),
        (_points((20, 1.0)), 5.0),
        # At 22 s twenty polls, and half of the results 2 s late: 40. At 20 s thirty, and 3 s: 60.
        (_points((10, 20.0), (10, 22.0)), 22.0),
        # At 23.3 s 53, and at 20 s thirty polls with half of the results 1.7 s late: 47.
        (_points((10, 20.0), (10, 23.3)), 20.0),
        # One conversion is as late as all together may be, and not a second later.
        (_points((9, 100.0), (1, 7.5)), 100.0),
        (_points((9, 100.0), (1, 1.0)), 5.0),
    ],
    ids=["sharp", "quick", "the later", "the sooner", "late", "too late"],
)
def test_first_poll_comes_where_polls_and_seconds_late_are_fewest(points_s, aim_s):
    assert aim(points_s, 5.0) == aim_s


@pytest.mark.parametrize(
    ("aim_s", "points_s", "cost"),
    [
        # One poll sees an end 18 s late, one in time, and the fourth sees one 3 s late.
        (20.0, (2.0, 20.0, 32.0), (6, 21.0)),
        # Later polls come a fifth of the age apart.
        (100.0, (2.0, 110.0, 121.0), (6, 127.0)),
    ],
)
def test_cost_counts_each_poll_and_the_seconds_until_an_end_is_seen(aim_s, points_s, cost):
    assert _cost(aim_s, points_s, 5.0) == cost
