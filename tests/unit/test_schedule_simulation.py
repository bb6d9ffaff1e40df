"""The simulation that `docs/schedule.md` shows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.schedule.loads import LOADS
from benchmarks.schedule.plot import draw
from benchmarks.schedule.policies import Aimed, Average, Backoff, Conveyor, Fixed, Oracle
from benchmarks.schedule.simulation import simulate

BY_NAME = {load.name: replace(load, count=1500, warm_up=500) for load in LOADS}
WIDE = BY_NAME["8 s, sigma 0.5"]
SAME = BY_NAME["10 s"]
DOC = Path(__file__).parents[2] / "docs" / "schedule.md"


def test_an_oracle_polls_once_and_immediately():
    outcome = simulate(SAME, Oracle(), 1)

    assert outcome.polls == 1
    assert outcome.p99_s == pytest.approx(0, abs=1e-6)


def test_fixed_polls_see_an_end_within_the_spacing():
    assert simulate(SAME, Fixed(), 1).p50_s == pytest.approx(0.1)
    assert simulate(WIDE, Fixed(), 1).p99_s < 5.1


def test_conveyor_takes_fewer_polls_than_fixed_ones_and_is_about_as_soon():
    ours, fixed = simulate(WIDE, Conveyor(), 1), simulate(WIDE, Fixed(), 1)

    assert ours.polls <= 2.0
    assert ours.polls < 0.9 * fixed.polls
    assert ours.p50_s < fixed.p50_s + 0.5
    assert ours.p99_s < 6


def test_constant_duration_is_found_with_about_one_poll():
    outcome = simulate(SAME, Conveyor(), 1)

    assert outcome.polls < 1.5
    assert outcome.p50_s <= 0.6


def test_conveyor_is_sooner_than_a_backoff_of_as_many_polls():
    ours, backoff = simulate(WIDE, Conveyor(), 1), simulate(WIDE, Backoff(), 1)

    assert ours.polls <= backoff.polls
    assert ours.p50_s < 0.6 * backoff.p50_s


def test_an_average_of_when_ends_were_seen_runs_away():
    assert simulate(SAME, Average(), 1).p50_s > 20


def test_the_same_seed_is_the_same_outcome():
    assert simulate(WIDE, Conveyor(), 7) == simulate(WIDE, Conveyor(), 7)


def test_the_plot_is_drawn(tmp_path):
    outcome = simulate(replace(SAME, count=20, warm_up=0), Aimed(10.0), 1)
    draw(
        {"a": {"oracle": outcome}, "b": {"oracle": outcome}},
        {"a": [outcome], "b": []},
        tmp_path / "a.png",
    )

    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_the_documentation_shows_each_load():
    text = DOC.read_text(encoding="utf-8")

    assert all(f"| {load.name} |" in text for load in LOADS)
