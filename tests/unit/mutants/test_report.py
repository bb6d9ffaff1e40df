from __future__ import annotations

import json

import pytest

from mutants.fault import Fault, Scope
from mutants.report import tallies, write
from mutants.trial import End, Trial

TEXT = "x = a < b\n"


def _trial(end, path="tasks/a.py"):
    return Trial(Fault(path, 6, 7, "<=", "operator replaced", Scope(frozenset())), end, tests=3)


def _counted(*ends):
    return tallies(["tasks"], [_trial(end) for end in ends], {"tasks": 2}, {"tasks": 50})[0]


def test_what_is_caught_or_never_ends_is_seen():
    counted = _counted(End.CAUGHT, End.TIMED_OUT, End.SURVIVED, End.UNSEEN)

    assert (counted.caught, counted.tried, counted.share) == (2, 4, 0.5)
    assert (counted.equivalent, counted.possible) == (2, 50)


@pytest.mark.parametrize(("caught", "survived", "enough"), [(9, 1, True), (8, 1, False)])
def test_nine_of_ten_are_enough(caught, survived, enough):
    counted = _counted(*[End.CAUGHT] * caught, *[End.SURVIVED] * survived)

    assert counted.is_enough is enough


def test_fault_counts_for_its_own_package_alone():
    trials = [_trial(End.CAUGHT, "tasks/a.py"), _trial(End.SURVIVED, "workers/tasks/a.py")]
    tasks, workers = tallies(["tasks", "workers"], trials, {}, {})

    assert (tasks.share, workers.share) == (1.0, 0.0)


def test_report_names_each_survivor_with_its_place_and_lines(tmp_path):
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks" / "a.py").write_text(TEXT)
    trials = [_trial(End.CAUGHT), _trial(End.SURVIVED)]
    write(tmp_path, tmp_path, tallies(["tasks"], trials, {}, {}), trials, "a run")
    said = (tmp_path / "report.md").read_text()
    kept = json.loads((tmp_path / "report.json").read_text())

    assert said.count("`tasks/a.py:1`: operator replaced (3 tests)") == 1
    assert "- x = a < b\n+ x = a <= b" in said
    assert "| `tasks` | 0 | 2 | 1 | 0 | 1 | 0 | 0 | 50.0% |" in said
    assert [trial["end"] for trial in kept["trials"]] == ["caught", "survived"]
    assert kept["packages"][0]["share"] == 0.5
