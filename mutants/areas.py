"""The packages that faults are put into, and the tests that may see them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mutants import lua_faults, python_faults
from mutants.fault import Fault

__all__ = ["AREAS", "NOT_THESE", "TESTS", "Area", "faults_in", "files_of"]


@dataclass(frozen=True, slots=True)
class Area:
    """A package.

    Attributes:
        name: Its folder.
        but: Folders below it that are left alone.
    """

    name: str
    but: tuple[str, ...] = ()


AREAS: Final = (
    Area("conveyor/domain"),
    Area("conveyor/ledger"),
    Area("conveyor/convertapi"),
    Area("conveyor/callbacks"),
    Area("conveyor/storage"),
    Area("tasks"),
    # The local stack is a tool of development: no promise of a worker's rests on it.
    Area("workers", but=("local_stack",)),
)
# What runs in the test's own process, so that it is known which lines each test runs. The fastest
# come first.
TESTS: Final = (
    "tests/unit/conveyor",
    "tests/unit/workers",
    "tests/unit/tasks",
    "tests/unit/config",
    "tests/integration/ledger",
    "tests/integration/account",
    "tests/integration/protocol",
    "tests/integration/callbacks",
    "tests/integration/tasks",
    "tests/integration/library",
    "tests/integration/storage",
)
# Tests of other packages, and those that draw at random for minutes.
NOT_THESE: Final = (
    "tests/unit/conveyor/cli/",
    "tests/unit/conveyor/live/",
    "tests/integration/ledger/test_interleavings.py",
    "tests/integration/protocol/test_fuzz.py",
)
_FINDERS: Final = {".py": python_faults.faults_of, ".lua": lua_faults.faults_of}


def files_of(root: Path, area: Area) -> list[str]:
    """List the files of a package that can have faults.

    Args:
        root: The tree.
        area: The package.

    Returns:
        Their paths, from the root.
    """
    paths = (
        path.relative_to(root).as_posix()
        for path in (root / area.name).rglob("*")
        if path.suffix in _FINDERS
    )
    return sorted(path for path in paths if not path.startswith(tuple(f"{b}/" for b in area.but)))


def faults_in(root: Path, paths: Iterable[str]) -> Iterator[Fault]:
    """Find every small fault that some files can have.

    Args:
        root: The tree.
        paths: The files, from the root.
    """
    for path in paths:
        yield from _FINDERS[Path(path).suffix](path, (root / path).read_text())
