"""On Linux, children end when the process that started them is killed."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the signal is Linux's")

PARENT = """
import sys, time
from pathlib import Path
from local_stack.process import Child
child = Child("it", ["sleep", "600"], log=Path(sys.argv[1]))
child.start()
print(child.pid, flush=True)
time.sleep(600)
"""


def test_a_killed_parent_takes_its_children_along(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path / "log")],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[3],
    ) as parent:
        assert parent.stdout
        child_pid = int(parent.stdout.readline())
        wait_for(lambda: program_of(child_pid) == "sleep")

        parent.kill()
        parent.wait()

        wait_for(lambda: program_of(child_pid) is None)


def test_a_parent_that_has_ended_already_starts_nothing() -> None:
    script = Path(__file__).parents[3] / "local_stack" / "die_with_parent.py"

    ended = subprocess.run(
        [sys.executable, str(script), str(os.getppid()), "echo", "started"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.stdout == ""
    assert ended.stderr == "the parent has ended\n"


def program_of(pid: int) -> str | None:
    """The name of a running program, None when it has ended, waited for or not."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    name, _, rest = fields.partition("(")[2].rpartition(")")
    return None if rest.split()[0] == "Z" else name


def wait_for(condition: object, timeout_s: float = 60) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)
