"""The fork that runs the tests of a fault, and the status that it ends with."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from local_stack.environment import ROOT

# What a faulty program may do, and how the run that meets it has ended.
ENDS = {
    "pass": 0,
    "assert False": 1,
    "import os; os._exit(0)": 70,
    "import os; os._exit(1)": 70,
    "import threading; threading.Event().wait()": -1,
}
PROGRAM = """
import json, sys
from mutants.warm import _run
runs = json.loads(sys.argv[1])
print(json.dumps([_run(["-q", path], path + ".log", limit_s) for path, limit_s in runs]))
"""


def test_only_pytest_says_that_its_tests_passed(tmp_path):
    runs = []
    for number, (body, status) in enumerate(ENDS.items()):
        path = tmp_path / f"test_{number}.py"
        path.write_text(f"def test_it():\n    {body}\n")
        runs.append((str(path), 2 if status == -1 else 300))

    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(runs)],
        cwd=ROOT,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert ran.stderr == ""
    assert json.loads(ran.stdout) == list(ENDS.values())
