"""A fault is put into a copy of the tree, and the tests that can see it are run there."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from mutants.fault import Fault
from mutants.record import PYTEST
from mutants.seen import Chosen

__all__ = ["Bench", "End", "Trial", "copy_tree"]

# The tests of a fault may take so many times as long as without it, on the same machine.
_PATIENCE: Final = 10
_ALL_PASSED: Final = 0
_HUNG: Final = -1
# The warm process has imported some plugins before pytest could.
_IMPORTED: Final = "ignore::pytest.PytestAssertRewriteWarning"
# Of the plugins that are installed a trial needs these two; to load the others takes a second.
_PLUGINS: Final = ("-p", "pytest_timeout", "-p", "_hypothesis_pytestplugin")
_FAILED: Final = re.compile(r"^(?:FAILED|ERROR) (\S+)", re.MULTILINE)


class End(Enum):
    """How a trial has ended."""

    CAUGHT = "caught"  # a test failed, or the run could not even begin
    TIMED_OUT = "timed out"  # the tests never ended: that is seen, too
    SURVIVED = "survived"  # all tests passed
    UNSEEN = "survived, no test runs it"


@dataclass(frozen=True, slots=True)
class Trial:
    """What became of a fault.

    Attributes:
        fault: The fault.
        end: How it has ended.
        seconds: How long it took.
        tests: How many tests could see it and were run.
        left_out: How many more could see it, and would have taken too long.
        by: The test that failed.
    """

    fault: Fault
    end: End
    seconds: float = 0.0
    tests: int = 0
    left_out: int = 0
    by: str = ""


def copy_tree(root: Path, copy: Path) -> None:
    """Copy what git knows, and what is new and not ignored, with its times.

    Args:
        root: The tree.
        copy: The folder for it.
    """
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root,
        capture_output=True,
        check=True,
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (root / name).is_file() and not (root / name).is_symlink():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / name, copy / name)


class Bench:
    """One copy of the tree, and the warm process in it.

    Args:
        root: The tree, which is copied when this is entered.
        copy: The copy's folder, which must not be there yet.
    """

    def __init__(self, root: Path, copy: Path) -> None:
        self._root = root
        self._copy = copy
        self._process: subprocess.Popen[str] | None = None
        self.startup_s = 0.0

    def __enter__(self) -> Self:
        shutil.copytree(self._root, self._copy)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "mutants.warm"],
            cwd=self._copy,
            env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._process is not None:
            self._process.communicate()

    def warm_up(self, tests: tuple[str, ...], limit_s: float) -> None:
        """Run some tests without a fault: how long a run needs before its first test.

        Args:
            tests: Their pytest ids.
            limit_s: Any run must end within so many seconds.

        Raises:
            RuntimeError: They fail here, so that no trial would prove anything.
        """
        for _ in range(2):  # the first one compiles
            said = self._run(tests, limit_s)
            if said["status"] != _ALL_PASSED:
                raise RuntimeError(f"the tests fail without any fault: {self._log.read_text()}")
            self.startup_s = said["seconds"]

    def try_out(self, fault: Fault, chosen: Chosen) -> Trial:
        """Put a fault in, run the tests that can see it, and take it out.

        Args:
            fault: The fault.
            chosen: The tests.
        """
        if not chosen.tests:
            return Trial(fault, End.UNSEEN, left_out=chosen.left_out)
        path = self._copy / fault.path
        text, times = path.read_text(), path.stat()
        path.write_text(fault.apply(text))
        try:
            said = self._run(chosen.tests, (self.startup_s + chosen.seconds) * _PATIENCE)
        finally:
            path.write_text(text)
            # A compiled module is good for the time of its source.
            os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
        end = _end(said["status"])
        found = _FAILED.search(self._log.read_text(errors="replace")) if end is End.CAUGHT else None
        by = found.group(1) if found else ""
        return Trial(fault, end, said["seconds"], len(chosen.tests), chosen.left_out, by)

    @property
    def _log(self) -> Path:
        return self._copy.with_name(f"{self._copy.name}.log")

    def _run(self, tests: tuple[str, ...], limit_s: float) -> dict[str, Any]:
        if self._process is None or not self._process.stdin or not self._process.stdout:
            raise RuntimeError("enter it first")
        arguments = ["-x", "-rfE", "--tb=line", "-W", _IMPORTED, *_PLUGINS, *PYTEST, *tests]
        asked = {"arguments": arguments, "log": str(self._log), "limit_s": limit_s}
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        said: dict[str, Any] = json.loads(self._process.stdout.readline())
        return said


def _end(status: int) -> End:
    if status == _HUNG:
        return End.TIMED_OUT
    return End.SURVIVED if status == _ALL_PASSED else End.CAUGHT
