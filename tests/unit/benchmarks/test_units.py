from __future__ import annotations

import pytest

from benchmarks.capacity_page import page
from benchmarks.costs import NotMeasured, units_of
from benchmarks.figures import Figures
from conveyor.planning.unit_costs import FILE, UnitCosts, unit_costs
from local_stack.environment import ROOT

IN_REDIS = {"in_flight": 3000, "kept": 1000, "result": 500}


def _run(load, side="ours", **values):
    plain = {"conversions": 10, "makespan_s": 1.0, "worker_cpu_ms": 8.0, "polls": 2.0}
    return Figures(load=load, side=side, **{**plain, **values})


RUNS = [
    _run("burst-10s", rss_mb=120),
    _run("burst-10s", "naive", worker_cpu_ms=99),
    _run("webhooks-20", worker_cpu_ms=12, web_cpu_ms=2, polls=1.04),
    _run("clean", worker_cpu_ms=8, redis_cpu_ms=2, messages=0.2),
    _run("long", worker_cpu_ms=20, redis_cpu_ms=5, messages=0.1, polls=8.0),
    _run("empty", "empty", worker_cpu_ms=99),
    _run("empty", "empty-threads", worker_cpu_ms=0.9, producer_cpu_ms=0.4, messages=1),
]


def _file(runs):
    return {"at": "2026-01-02", "machine": "2 cores", "runs": runs}


def test_a_poll_is_what_many_cost_more_than_few():
    costs = units_of([_file(RUNS)], IN_REDIS)

    assert costs.poll.worker_cpu_ms == 2.0
    assert costs.poll.redis_cpu_ms == 0.5
    assert costs.poll.messages == 0  # fewer with many polls: nothing is gained by polling


def test_others_come_as_they_were_measured():
    costs = units_of([_file(RUNS)], IN_REDIS)

    assert (costs.polled.load, costs.polled.cost.worker_cpu_ms) == ("burst-10s", 8.0)
    assert (costs.webhooks.polls, costs.webhooks.cost.web_cpu_ms) == (1.04, 2)
    assert costs.message.worker_cpu_ms == pytest.approx(1.3)
    assert costs.command.endswith("--loads burst-10s,webhooks-20,clean,long,empty")
    assert (costs.footprint.kept, costs.footprint.worker) == (1000, 60e6)


def test_the_busier_webhooks_count_and_the_last_of_several_files():
    later = [_run("webhooks-100", worker_cpu_ms=6), _run("burst-10s", worker_cpu_ms=7)]
    costs = units_of([_file(RUNS), _file(later)], IN_REDIS)

    assert (costs.webhooks.load, costs.webhooks.cost.worker_cpu_ms) == ("webhooks-100", 6)
    assert costs.polled.cost.worker_cpu_ms == 7


@pytest.mark.parametrize("load", ["burst-10s", "webhooks-20", "clean", "long", "empty"])
def test_a_load_that_is_missing_is_named(load):
    with pytest.raises(NotMeasured, match=f"no .*{load}.* run python -m benchmarks"):
        units_of([_file([run for run in RUNS if run.load != load])], IN_REDIS)


def test_polls_that_are_too_near_tell_nothing():
    runs = [run for run in RUNS if run.load != "long"]

    with pytest.raises(NotMeasured, match="too near"):
        units_of([_file([*runs, _run("long", polls=2.5)])], IN_REDIS)


def test_the_page_is_what_the_packaged_costs_say():
    """``python -m benchmarks.units`` writes both."""
    assert (ROOT / "docs" / "capacity.md").read_text(encoding="utf-8") == page(unit_costs())


def test_the_packaged_file_is_as_it_would_be_written():
    text = FILE.read_text(encoding="utf-8")

    assert UnitCosts.from_json(text).to_json() == text
