"""Which test runs which line and which script: the handful of tests that can see a fault."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from mutants.areas import TESTS
from mutants.fault import Fault

__all__ = ["IMPORT", "Chosen", "Seen", "SeenBy"]

IMPORT: Final = "::(import)"
"""How the name ends under which a run's imports are recorded, as if they were a test."""

_FIRST_WORD: Final = re.compile(r"[a-z]+")


@dataclass(frozen=True, slots=True)
class Seen:
    """What one test has run.

    Attributes:
        seconds: How long it took.
        setup_s: How much of it was preparation, which one run shares among its tests.
        lines: For each file, a number in base 16. A bit is set for each line that ran.
        scripts: The names of the scripts that Redis ran.
    """

    seconds: float
    setup_s: float
    lines: dict[str, str]
    scripts: list[str]


@dataclass(frozen=True, slots=True)
class Chosen:
    """The tests that a fault is tried on.

    Attributes:
        tests: Their pytest ids, the fastest first.
        seconds: How long they took without a fault.
        left_out: How many more could see it, and would take too long.
    """

    tests: tuple[str, ...]
    seconds: float
    left_out: int


class SeenBy:
    """Chooses tests.

    Args:
        root: The tree.
        seen: What each test has run, by its pytest id.
        most_s: So many seconds of tests at most for one fault.
    """

    def __init__(self, root: Path, seen: Mapping[str, Seen], most_s: float) -> None:
        self._root = root
        self._seen = {test: each for test, each in seen.items() if not test.endswith(IMPORT)}
        self._most_s = most_s
        self._ran: dict[str, dict[str, int]] = {}
        self._imported: dict[str, int] = {}
        for test, each in seen.items():
            for path, lines in each.lines.items():
                if test in self._seen:
                    self._ran.setdefault(path, {})[test] = int(lines, 16)
                else:
                    self._imported[path] = self._imported.get(path, 0) | int(lines, 16)
        self._texts = {path: (root / path).read_text() for path in self._ran}

    def choose(self, fault: Fault) -> Chosen:
        """Choose the tests that can see a fault.

        Args:
            fault: The fault.
        """
        able = sorted(self._able(fault), key=lambda test: self._rank(fault, test))
        tests: list[str] = []
        seconds = 0.0
        for test in able:
            if seconds + self._seen[test].seconds <= self._most_s:
                tests.append(test)
                seconds += self._seen[test].seconds
        return Chosen(tuple(tests), self._with_setups(tests), len(able) - len(tests))

    def _able(self, fault: Fault) -> Iterable[str]:
        if fault.path.endswith(".lua"):
            name = PurePosixPath(fault.path).stem
            return (test for test, each in self._seen.items() if name in each.scripts)
        lines = sum(1 << line for line in fault.scope.lines)
        able = set(self._running(fault.path, lines) if lines else self._using(fault))
        # What runs while a module is imported is seen by whoever uses the module.
        is_of_import = not lines or self._imported.get(fault.path, 0) & lines
        return able or (self._ran.get(fault.path, ()) if is_of_import else ())

    def _running(self, path: str, lines: int) -> Iterator[str]:
        return (test for test, ran in self._ran.get(path, {}).items() if ran & lines)

    def _using(self, fault: Fault) -> Iterator[str]:
        """Who runs a line, here or elsewhere, that uses a name which the module sets.

        A record's default is in no line that runs: the tests that are named after it see it.
        """
        own = f"/test_{PurePosixPath(fault.path).stem}.py::"
        yield from (test for test in self._seen if own in test)
        for path, text in self._texts.items():
            for name in fault.scope.names:
                lines = _lines_with(text, name)
                yield from self._running(path, lines) if lines else ()

    def _rank(self, fault: Fault, test: str) -> tuple[int, int, float]:
        """The faster tier first, and in it the tests that are named after the module."""
        tier = next((n for n, folder in enumerate(TESTS) if test.startswith(folder)), len(TESTS))
        word = _FIRST_WORD.search(PurePosixPath(fault.path).stem)
        is_named_so = word is not None and word.group() in test.partition("::")[0]
        is_unit = test.startswith("tests/unit")
        return (0 if is_unit else 1, 0 if is_named_so else 1 + tier, self._seen[test].seconds)

    def _with_setups(self, tests: Iterable[str]) -> float:
        """How long these take, with what a run prepares once for all of a folder."""
        setups: dict[str, float] = {}
        seconds = 0.0
        for test in tests:
            folder = str(PurePosixPath(test.partition("::")[0]).parent)
            seconds += self._seen[test].seconds
            setups.setdefault(folder, self._longest_setup(folder))
        return seconds + sum(setups.values())

    def _longest_setup(self, folder: str) -> float:
        return max(each.setup_s for test, each in self._seen.items() if test.startswith(folder))


def _lines_with(text: str, name: str) -> int:
    found = re.finditer(rf"\b{re.escape(name)}\b", text)
    return sum({1 << text.count("\n", 0, each.start()) + 1 for each in found})
