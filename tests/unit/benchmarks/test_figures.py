from __future__ import annotations

import pytest

from benchmarks.figures import Figures, medians, most_at_once, percentile
from benchmarks.kept import keep, kept


def _figures(**values):
    plain = {"load": "a", "side": "ours", "conversions": 10, "makespan_s": 1, "worker_cpu_ms": 1}
    return Figures(**{**plain, **values})


@pytest.mark.parametrize(
    ("share", "expected"), [(0, 1), (0.5, 50), (0.505, 51), (0.99, 99), (1, 100)]
)
def test_percentile_is_the_least_value_that_covers_the_share(share, expected):
    assert percentile(range(100, 0, -1), share) == expected


def test_percentile_of_one_value_is_it():
    assert percentile([3], 0.99) == 3


def test_medians_take_the_middle_run_of_each_figure():
    runs = [
        _figures(worker_cpu_ms=cpu_ms, makespan_s=makespan_s)
        for cpu_ms, makespan_s in ((9, 1), (2, 30), (4, 2))
    ]

    assert medians(runs).worker_cpu_ms == 4
    assert medians(runs).makespan_s == 2


def test_medians_hide_no_loss():
    runs = [_figures(lost=0), _figures(lost=1), _figures(lost=0, violations=3)]

    assert medians(runs).lost == 1
    assert medians(runs).violations == 3


def test_medians_leave_out_what_was_not_measured():
    runs = [_figures(), _figures(ready_to_stored_p50_s=2.0)]

    assert medians(runs).ready_to_stored_p50_s == 2
    assert medians(runs).touched_s is None


@pytest.mark.parametrize(
    ("spans", "most"),
    [([], 0), ([(0, 1), (1, 2)], 1), ([(0, 3), (1, 2), (1, 4)], 3), ([(5, 5)], 0)],
)
def test_most_immediately_counts_overlapping_requests(spans, most):
    assert most_at_once(spans) == most


def test_figures_are_kept_as_they_were(tmp_path):
    runs = [_figures(lost=2), _figures(side="naive")]
    keep(runs, tmp_path / "figures.json")

    assert kept(tmp_path / "figures.json")["runs"] == runs
