from __future__ import annotations

from dataclasses import astuple, replace

import pytest

from conveyor.domain.expected_polls import Polls
from conveyor.planning.capacity import Load
from conveyor.planning.reckoning import reckon
from conveyor.planning.unit_costs import FILE, Cost, Footprint, Measured, UnitCosts, unit_costs

POLLS = Polls(each=2.0, duration_s=8.0, late_s=2.0)
COSTS = UnitCosts(
    at="2026-01-02",
    machine="2 cores",
    others_busy=0.1,
    command="measure",
    polled=Measured("burst", 2.0, Cost(7.0, 0.0, 1.4, 0.1, 3.0, 300.0, 20.0)),
    webhooks=Measured("calls", 1.0, Cost(5.0, 2.0, 0.7, 0.5, 4.0, 200.0, 10.0)),
    poll=Cost(2.0, 0.0, 0.5, 0.1, 1.0, 100.0, 5.0),
    message=Cost(1.0, 0.0, 0.0, 1.0, 2.0, 10.0, 1.0),
    footprint=Footprint(in_flight=3000, kept=1000, result=500, worker=100e6),
)


def _limit(capacity, words):
    return next(limit for limit in capacity.limits if words in limit.name)


def test_a_polled_load_is_rate_times_cost():
    it = reckon(Load(rate=100), POLLS, COSTS)

    assert it.worker_cores == pytest.approx(0.7)
    # 0.7 of a core is full, so one worker is enough for its CPU. POST and first poll take half a
    # second of the crew each, and so does the last poll with its download: 150 at once, of 64.
    assert it.requests_per_s == 600
    assert it.requests_at_once == 300
    assert (it.workers_for_cpu, it.workers_for_requests, it.workers) == (1, 3, 3)
    assert it.worker_bytes == 300e6
    assert it.jobs_at_once == 800
    assert it.in_flight == 1000
    assert it.messages_per_s == pytest.approx(10)
    assert it.round_trips_per_s == 300
    assert it.redis_commands_per_s == 30_000
    assert it.redis_bytes_per_s == 2e6
    assert it.redis_cores == pytest.approx(0.14)
    assert (it.webs, it.web_cores) == (0, 0)


def test_more_requests_under_way_in_a_worker_take_fewer_workers():
    it = reckon(Load(rate=100, requests=300), POLLS, COSTS)

    assert (it.workers_for_requests, it.workers) == (1, 1)


@pytest.mark.parametrize(
    ("answer_s", "carries"),
    [
        (0.1, 64 / 0.4),  # POST and poll, poll and download
        (1.0, 64 / 1.5),  # beside the crew after half a second each
        (8.0, 64 / 4.0),  # eight times the crew is at work for 4 x 8 s
    ],
)
def test_slow_answers_continue_beside_the_crew(answer_s, carries):
    it = reckon(Load(rate=100, answer_s=answer_s), POLLS, COSTS)

    assert _limit(it, "crew").carries == pytest.approx(carries)


def test_redis_holds_what_is_in_flight_a_week_of_entries_and_a_day_of_results():
    it = reckon(Load(rate=100, hours_a_day=12), POLLS, COSTS)

    assert it.redis_in_flight_bytes == 1000 * 3000
    assert it.redis_kept_bytes == pytest.approx(100 * 7 * 43_200 * 1000)
    assert it.redis_results_bytes == pytest.approx(100 * 43_200 * 500)
    assert it.redis_bytes == pytest.approx(3e6 + 30.24e9 + 2.16e9)


def test_more_polls_than_measured_cost_a_polls_cost_each():
    it = reckon(Load(rate=1), replace(POLLS, each=5.0), COSTS)

    assert it.worker_cores * 1000 == pytest.approx(7 + 3 * 2)
    assert it.requests_per_s == 9


def test_fewer_polls_than_measured_cost_less():
    assert reckon(Load(rate=1), replace(POLLS, each=1.0), COSTS).worker_cores == pytest.approx(
        0.005
    )


def test_webhooks_have_costs_and_processes_of_their_own():
    it = reckon(Load(rate=1000, webhooks=True), replace(POLLS, each=1.0), COSTS)

    assert it.worker_cores == pytest.approx(5)
    assert it.web_cores == pytest.approx(2)
    assert it.webs == 3
    assert it.redis_cores == pytest.approx(0.7)


def test_a_further_file_is_a_download_and_a_delete_and_is_stored():
    it = reckon(Load(rate=2, files=3, file_bytes=1000, keep_s=86_400), POLLS, COSTS)

    assert it.requests_per_s == 2 * (1 + 2 + 3 * 2 + 1)
    assert it.worker_cores * 1000 == pytest.approx(2 * (7 + 4 * 2))
    assert it.stored_bytes_per_s == 6000
    assert it.stored_bytes == 6000 * 86_400


def test_a_canvas_is_two_more_messages():
    plain, canvas = (reckon(Load(rate=10, canvas=it), POLLS, COSTS) for it in (False, True))

    assert canvas.messages_per_s - plain.messages_per_s == pytest.approx(20)
    assert canvas.worker_cores - plain.worker_cores == pytest.approx(0.02)


def test_a_full_redis_means_another_namespace():
    """0.7 of a core at 1.4 ms each are 500 a second."""
    roomy = {"hours_a_day": 0.01, "redis_bytes": 1e12}

    assert _limit(
        reckon(Load(rate=1, **roomy), POLLS, COSTS), "CPU of one Redis"
    ).carries == pytest.approx(500)
    assert reckon(Load(rate=500, **roomy), POLLS, COSTS).namespaces == 1
    assert reckon(Load(rate=501, **roomy), POLLS, COSTS).namespaces == 2


def test_memory_is_full_first_where_there_is_little():
    it = reckon(Load(rate=100, redis_bytes=10e9), POLLS, COSTS)

    assert it.first.name == "the memory of one Redis"
    # 60.48 GB of entries, 4.32 GB of results, 3 MB in flight.
    assert it.first.carries == pytest.approx(100 * 10 / 64.803)
    assert it.namespaces == 7


def test_an_account_carries_its_jobs_by_what_each_takes():
    it = reckon(Load(rate=100, account_jobs=400), POLLS, COSTS)

    assert _limit(it, "account").carries == 40
    assert it.accounts == 3
    assert reckon(Load(rate=100), POLLS, COSTS).accounts is None


def test_limits_come_with_the_least_first():
    limits = reckon(Load(rate=100, webhooks=True, account_jobs=10), POLLS, COSTS).limits

    assert [limit.carries for limit in limits] == sorted(limit.carries for limit in limits)
    assert len(limits) == 6


@pytest.mark.parametrize("webhooks", [False, True])
def test_nothing_becomes_less_where_more_come(webhooks):
    """With the costs of this release, too."""
    for costs in (COSTS, unit_costs()):
        before = None
        for rate in (0.001, 0.1, 1, 20, 277.8, 5000):
            it = reckon(Load(rate=rate, webhooks=webhooks, account_jobs=50), POLLS, costs)
            now = (*astuple(replace(it, limits=()))[:-1], it.namespaces, it.accounts)
            if before is not None:
                assert all(new >= old for old, new in zip(before, now, strict=True))
            before = now


def test_unit_costs_survive_their_file():
    assert UnitCosts.from_json(COSTS.to_json()) == COSTS


def test_those_of_this_release_were_measured():
    costs = UnitCosts.from_json(FILE.read_text(encoding="utf-8"))

    assert costs.at
    assert costs.machine
    assert "benchmarks" in costs.command
    for measured in (costs.polled, costs.webhooks):
        assert measured.polls >= 1
        assert measured.cost.worker_cpu_ms > costs.poll.worker_cpu_ms * (measured.polls - 1)
    assert costs.webhooks.cost.web_cpu_ms > 0
    assert costs.message.messages == pytest.approx(1, abs=0.1)
    assert all(value > 0 for value in astuple(costs.footprint))
