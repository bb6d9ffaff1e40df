"""Faults tried for real in a small tree: recorded, chosen for, run, and told apart."""

from __future__ import annotations

import shutil
import textwrap
from pathlib import Path

import pytest

from mutants.python_faults import faults_of
from mutants.record import Record
from mutants.seen import SeenBy
from mutants.trial import Bench, End

ROOT = Path(__file__).parents[3]
TEST = "tests/unit/tasks/test_a.py"
CONFTEST = "tests/unit/tasks/conftest.py"
CODE = """\
def is_adult(age):
    return age >= 18


def nobody_runs_it():
    return None or 0


def tested_too_little(a):
    return bool(a and 1)


def counts_down(n):
    while n:
        n -= 1
    return n
"""
TESTS = """\
from tasks import a


def test_adult():
    assert a.is_adult(18)
    assert not a.is_adult(17)


def test_little():
    assert a.tested_too_little(1)


def test_counts():
    assert a.counts_down(3) == 0


def test_that_fails_without_any_fault():
    assert a.is_adult(18) is None
"""


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    root = tmp_path_factory.mktemp("mutants") / "plain"
    shutil.copytree(ROOT / "mutants", root / "mutants")
    texts = {"tasks/__init__.py": "", "tasks/a.py": CODE, TEST: TESTS, CONFTEST: "import tasks.a"}
    for path, text in texts.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(textwrap.dedent(text))
    return root


@pytest.fixture(scope="module")
def record(tree):
    return Record.of(tree, tree.parent / "record.json", 1)


@pytest.fixture(scope="module")
def trials(tree, record):
    """What becomes of each fault of the module, by its changed line."""
    seen_by = SeenBy(tree, record.seen, 60.0)
    with Bench(tree, tree.parent / "copy") as bench:
        bench.warm_up((f"{TEST}::test_adult",), 300.0)
        return {
            fault.diff(CODE)[-1]: bench.try_out(fault, seen_by.choose(fault))
            for fault in faults_of("tasks/a.py", CODE)
        }


def test_record_knows_what_each_test_runs_and_leaves_out_the_one_that_fails(record):
    assert {test.partition("::")[2] for test in record.seen} - {"(import)"} == {
        "test_adult",
        "test_little",
        "test_counts",
    }
    assert int(record.seen[f"{TEST}::test_adult"].lines["tasks/a.py"], 16) & 1 << 2


def test_record_knows_what_an_import_by_a_conftest_runs(record):
    assert int(record.seen[f"{TEST}::(import)"].lines["tasks/a.py"], 16) & 1 << 1


def test_second_record_of_the_same_tree_runs_nothing(tree, record, monkeypatch):
    monkeypatch.setattr("subprocess.run", None)

    assert Record.of(tree, tree.parent / "record.json", 1) == record


@pytest.mark.parametrize(
    ("line", "end"),
    [
        ("+ return age > 18", End.CAUGHT),
        ("+ return age >= 36", End.CAUGHT),
        ("+ return bool(a or 1)", End.SURVIVED),
        ("+ return None and 0", End.UNSEEN),
        ("+ pass", End.TIMED_OUT),
    ],
)
def test_fault_ends_as_its_tests_do(trials, line, end):
    assert trials[line].end is end


def test_trial_names_the_test_that_has_seen_it(trials):
    assert trials["+ return age > 18"].by == f"{TEST}::test_adult"
    assert trials["+ return age > 18"].tests == 1


def test_tree_and_copy_are_as_before(tree, trials):
    assert (tree / "tasks" / "a.py").read_text() == CODE
    assert (tree.parent / "copy" / "tasks" / "a.py").read_text() == CODE
    before, after = (
        each.stat().st_mtime_ns for each in (tree / "tasks/a.py", tree.parent / "copy/tasks/a.py")
    )
    assert before == after
