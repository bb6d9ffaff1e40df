from __future__ import annotations

import pytest

from conveyor.domain.counters import STORED_BOUNDS_S, of_success, stored_since


@pytest.mark.parametrize(
    ("polls", "bucket"), [(0, "1"), (1, "1"), (2, "2"), (4, "5"), (50, "50"), (51, "inf")]
)
def test_a_bucket_holds_its_own_bound(polls, bucket):
    counts = of_success(polls)

    assert counts[f"polls_le:{bucket}"] == 1
    assert counts["polls_sum"] == polls


def test_the_histogram_of_storing_names_every_bound_as_a_scrape_reads_it():
    timed = stored_since("ready_at")

    assert timed["since"] == "ready_at"
    assert (timed["le"], timed["sum"]) == ("stored_le", "stored_sum_ms")
    assert list(map(float, timed["bounds"])) == list(STORED_BOUNDS_S)
    assert timed["bounds"][-1] == "inf"
