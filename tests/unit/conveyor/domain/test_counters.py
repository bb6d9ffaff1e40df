from __future__ import annotations

import pytest

from conveyor.domain.counters import STORED_BOUNDS_S, of_success, stored_since


@pytest.mark.parametrize(
    ("polls", "bucket"),
    [
        *[(0, "1"), (1, "1"), (2, "2"), (3, "3"), (4, "5"), (5, "5"), (6, "10"), (10, "10")],
        *[(11, "20"), (20, "20"), (21, "50"), (50, "50"), (51, "inf")],
    ],
)
def test_a_bucket_holds_its_own_bound(polls, bucket):
    counts = of_success(polls)

    assert counts == {"succeeded": 1, f"polls_le:{bucket}": 1, "polls_sum": polls}


def test_the_histogram_of_storing_names_every_bound_as_a_scrape_reads_it():
    timed = stored_since("ready_at")

    assert timed["since"] == "ready_at"
    assert (timed["le"], timed["sum"]) == ("stored_le", "stored_sum_ms")
    assert list(map(float, timed["bounds"])) == list(STORED_BOUNDS_S)
    assert " ".join(timed["bounds"]) == "0.1 0.25 0.5 1 2.5 5 10 30 60 300 inf"
