"""What became of the faults, for people and for programs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from mutants.trial import End, Trial

__all__ = ["LEAST_CAUGHT", "Tally", "tallies", "write"]

LEAST_CAUGHT: Final = 0.9


@dataclass(frozen=True, slots=True)
class Tally:
    """What became of the faults of a package.

    Attributes:
        area: The package's folder.
        ends: How many trials ended in each way.
        equivalent: How many faults were not tried, because nobody could see them.
        possible: How many faults the package can have.
    """

    area: str
    ends: Mapping[End, int]
    equivalent: int
    possible: int

    @property
    def tried(self) -> int:
        """How many were tried."""
        return sum(self.ends.values())

    @property
    def caught(self) -> int:
        """How many a test has seen. One that never ends is seen."""
        return self.ends.get(End.CAUGHT, 0) + self.ends.get(End.TIMED_OUT, 0)

    @property
    def share(self) -> float:
        """How much of what was tried was caught, from 0 to 1. It is 1 where nothing was tried."""
        return self.caught / self.tried if self.tried else 1.0

    @property
    def is_enough(self) -> bool:
        """Whether the tests see enough."""
        return self.share >= LEAST_CAUGHT


def tallies(
    areas: Iterable[str],
    trials: Sequence[Trial],
    equivalent: Mapping[str, int],
    possible: Mapping[str, int],
) -> list[Tally]:
    """Count how the trials ended, package by package.

    Args:
        areas: The packages' folders.
        trials: What was tried.
        equivalent: How many faults of each package were not tried, because nobody could see them.
        possible: How many faults each package can have.
    """
    counted = []
    for area in areas:
        ends = [trial.end for trial in trials if trial.fault.path.startswith(f"{area}/")]
        counts = {end: ends.count(end) for end in End}
        counted.append(Tally(area, counts, equivalent.get(area, 0), possible.get(area, 0)))
    return counted


def write(
    folder: Path, root: Path, counted: Sequence[Tally], trials: Sequence[Trial], said: str
) -> None:
    """Write ``report.md`` and ``report.json``.

    Args:
        folder: Where they go.
        root: The tree that was tried.
        counted: The figures of each package.
        trials: What was tried.
        said: How the run was begun, in one line.
    """
    folder.mkdir(parents=True, exist_ok=True)
    survivors = sorted(
        (trial for trial in trials if trial.end in (End.SURVIVED, End.UNSEEN)),
        key=lambda trial: (trial.fault.path, trial.fault.start),
    )
    lines = ["# Faults that tests see", "", said, "", *_table(counted), "", "## Survivors", ""]
    for trial in survivors:
        lines += [*_paragraph(root, trial), ""]
    (folder / "report.md").write_text("\n".join(lines))
    records = {
        "run": said,
        "packages": [_of_tally(each) for each in counted],
        "trials": [_of_trial(root, trial) for trial in trials],
    }
    (folder / "report.json").write_text(json.dumps(records, indent=1))


def _table(counted: Sequence[Tally]) -> list[str]:
    return [
        "| package | possible | tried | caught | timed out | survived | no test | listed | seen |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|",
        *(
            f"| `{each.area}` | {each.possible} | {each.tried} | {each.ends.get(End.CAUGHT, 0)} "
            f"| {each.ends.get(End.TIMED_OUT, 0)} | {each.ends.get(End.SURVIVED, 0)} "
            f"| {each.ends.get(End.UNSEEN, 0)} | {each.equivalent} | {each.share:.1%} |"
            for each in counted
        ),
    ]


def _paragraph(root: Path, trial: Trial) -> list[str]:
    fault = trial.fault
    text = (root / fault.path).read_text()
    left_out = f", {trial.left_out} left out" if trial.left_out else ""
    return [
        f"`{fault.path}:{fault.line(text)}`: {fault.what} ({trial.tests} tests{left_out})",
        "",
        "```diff",
        *fault.diff(text),
        "```",
    ]


def _of_tally(each: Tally) -> dict[str, Any]:
    return {
        "package": each.area,
        "possible": each.possible,
        "tried": each.tried,
        **{end.name.lower(): count for end, count in each.ends.items()},
        "equivalent": each.equivalent,
        "share": round(each.share, 4),
    }


def _of_trial(root: Path, trial: Trial) -> dict[str, Any]:
    text = (root / trial.fault.path).read_text()
    return {
        "path": trial.fault.path,
        "line": trial.fault.line(text),
        "what": trial.fault.what,
        "diff": trial.fault.diff(text),
        "end": trial.end.name.lower(),
        "seconds": round(trial.seconds, 2),
        "tests": trial.tests,
        "left_out": trial.left_out,
        "by": trial.by,
    }
