from __future__ import annotations

import pytest

from conveyor.ledger.tally import of_success


@pytest.mark.parametrize(
    ("polls", "bucket"), [(0, "1"), (1, "1"), (2, "2"), (4, "5"), (50, "50"), (51, "inf")]
)
def test_a_bucket_holds_its_own_bound(polls, bucket):
    counts = of_success(polls, 0.0)

    assert counts[f"polls_le:{bucket}"] == 1
    assert counts["polls_sum"] == polls


@pytest.mark.parametrize(
    ("seconds", "bucket", "total_ms"),
    [(-0.5, "0.1", 0), (0.1, "0.1", 100), (0.1001, "0.25", 100), (1e6, "inf", 10**9)],
)
def test_a_clock_that_runs_back_takes_nothing_away(seconds, bucket, total_ms):
    counts = of_success(1, seconds)

    assert counts[f"stored_le:{bucket}"] == 1
    assert counts["stored_sum_ms"] == total_ms
