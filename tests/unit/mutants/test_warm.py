"""The fork that runs the tests of a fault, and the status that it ends with."""

from __future__ import annotations

import subprocess
import sys

import pytest

from local_stack.environment import ROOT


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("pass", 0),
        ("assert False", 1),
        ("import os; os._exit(0)", 70),
        ("import os; os._exit(1)", 70),
        ("import threading; threading.Event().wait()", -1),
    ],
)
def test_only_pytest_says_that_its_tests_passed(tmp_path, body, status):
    tests = tmp_path / "test_it.py"
    tests.write_text(f"def test_it():\n    {body}\n")
    limit_s = 2 if status == -1 else 300
    program = (
        "from mutants.warm import _run\n"
        f"print(_run(['-q', {str(tests)!r}], {str(tmp_path / 'log')!r}, {limit_s}))"
    )

    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert (ran.stdout, ran.stderr) == (f"{status}\n", "")
