"""The run without any fault, which writes down what each test runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from mutants.areas import AREAS, NOT_THESE, TESTS
from mutants.seen import Seen

__all__ = ["PYTEST", "Record"]

PYTEST: Final = ("-q", "-p", "no:cacheprovider", "-p", "mutants.brief", "--hypothesis-seed=1")
# So many files of tests in a run: enough to share what a run prepares.
_FILES: Final = 12


@dataclass(frozen=True, slots=True)
class Record:
    """What each test has run, and of which state of its file.

    Attributes:
        sources: A digest of all that tests run.
        files: A digest of each file of tests.
        seen: What each test has run, by its pytest id. One that failed is not among them.
    """

    sources: str
    files: dict[str, str]
    seen: dict[str, Seen]

    @classmethod
    def of(cls, root: Path, kept: Path, side_by_side: int) -> Record:
        """Take the record of a tree; tests whose file has not changed are not run again.

        Args:
            root: The tree. It must not change meanwhile.
            kept: Where the record lies between two runs.
            side_by_side: How many runs of pytest at a time.
        """
        sources, files = _digest(root, _sources(root)), _digests_of_tests(root)
        before = _read(kept)
        if before is None or before.sources != sources:
            before = cls(sources, {}, {})
        changed = [path for path, digest in files.items() if before.files.get(path) != digest]
        seen = {
            test: each
            for test, each in before.seen.items()
            if (path := test.partition("::")[0]) in files and path not in changed
        }
        known = {path: digest for path, digest in files.items() if path not in changed}
        record = cls(sources, known, seen)
        kept.parent.mkdir(parents=True, exist_ok=True)
        for part in _parts(root, changed, kept, side_by_side):
            record.seen.update(part.seen)
            record.files.update({path: files[path] for path in part.files})
            # A run that is interrupted goes on from here.
            kept.write_text(json.dumps(asdict(record)))
        return record


def _read(kept: Path) -> Record | None:
    if not kept.is_file():
        return None
    held = json.loads(kept.read_text())
    seen = {test: Seen(**each) for test, each in held["seen"].items()}
    return Record(held["sources"], held["files"], seen)


def _sources(root: Path) -> list[Path]:
    """All that a test runs besides its own file."""
    folders = {area.name.partition("/")[0] for area in AREAS} | {"config"}
    code = (path for folder in folders for path in (root / folder).rglob("*"))
    helpers = (path for folder in TESTS for path in (root / folder).rglob("*.py"))
    shared = (path for path in helpers if not _is_test(path))
    return sorted(path for path in (*code, *shared) if path.suffix in (".py", ".lua"))


def _digests_of_tests(root: Path) -> dict[str, str]:
    paths = sorted(path for folder in TESTS for path in (root / folder).rglob("test_*.py"))
    names = {path: path.relative_to(root).as_posix() for path in paths}
    return {
        name: _digest(root, [path])
        for path, name in names.items()
        if not name.startswith(NOT_THESE)
    }


def _is_test(path: Path) -> bool:
    return path.name.startswith("test_")


def _digest(root: Path, paths: Iterable[Path]) -> str:
    said = sha256()
    for path in paths:
        said.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return said.hexdigest()


@dataclass(frozen=True, slots=True)
class _Part:
    """Some files of tests, and what these have run."""

    files: Sequence[str]
    seen: Mapping[str, Seen]


def _parts(root: Path, files: Sequence[str], kept: Path, side_by_side: int) -> Iterator[_Part]:
    """Run the files a few at a time, and yield what they have run as it comes."""
    with ThreadPoolExecutor(side_by_side) as pool:
        runs = [
            pool.submit(_run, root, files[start : start + _FILES], kept, start)
            for start in range(0, len(files), _FILES)
        ]
        for run in as_completed(runs):
            yield run.result()


def _run(root: Path, files: Sequence[str], kept: Path, number: int) -> _Part:
    record = kept.with_name(f"{kept.stem}-{number}.json")
    record.unlink(missing_ok=True)
    with record.with_suffix(".log").open("wb") as log:
        subprocess.run(
            [sys.executable, "-m", "pytest", "-p", "mutants.recorder", *PYTEST, *files],
            cwd=root,
            env={**os.environ, "MUTANTS_RECORD": str(record.absolute())},
            stdout=log,
            stderr=subprocess.STDOUT,
            check=False,  # a test that fails is not among the recorded ones
        )
    found: dict[str, Any] = json.loads(record.read_text()) if record.is_file() else {}
    record.unlink(missing_ok=True)
    return _Part(files, {test: Seen(**each) for test, each in found.items()})
