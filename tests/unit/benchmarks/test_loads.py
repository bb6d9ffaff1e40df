from __future__ import annotations

import statistics

import pytest

from benchmarks.jobs import Source
from benchmarks.loads import LOADS


def test_both_sides_get_the_same_documents():
    load = LOADS["burst-lognormal"]

    assert load.sources("ours") == load.sources("naive")


def test_lognormal_durations_have_their_median():
    durations = [source.duration_s for source in LOADS["burst-lognormal"].sources("ours")]

    assert statistics.median(durations) == pytest.approx(8, rel=0.1)
    assert max(durations) > 20


@pytest.mark.parametrize("name", LOADS)
def test_every_source_tells_the_service_its_duration(name):
    for source in LOADS[name].sources("ours")[:100]:
        assert Source.read(source.url) == source


def test_conversions_of_a_rate_come_one_after_the_other():
    load = LOADS["webhooks-20"]
    arrivals = load.arrivals(load.count)

    assert arrivals == sorted(arrivals)
    assert 59 < arrivals[-1] < 60


def test_lone_conversions_come_at_odd_moments():
    arrivals = LOADS["lone"].arrivals(40)

    assert len({round(at % 1, 2) for at in arrivals}) > 20


def test_side_that_a_load_leaves_out_has_no_round():
    assert LOADS["waiting"].rounds_of("naive", 3) == 0
    assert LOADS["burst-10s"].rounds_of("blocking", 3) == 1
