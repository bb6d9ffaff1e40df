"""``make mutants``: one small fault after the other, and a list of those that no test sees."""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import chain, zip_longest
from pathlib import Path
from typing import Final

from mutants.areas import AREAS, Area, faults_in, files_of
from mutants.equivalents import Equivalents
from mutants.fault import Fault
from mutants.python_faults import compiles
from mutants.record import Record
from mutants.report import Tally, tallies, write
from mutants.seen import Chosen, SeenBy
from mutants.trial import Bench, End, Trial, copy_tree

_ROOT: Final = Path(__file__).resolve().parents[1]
_WARM_UP: Final = ("tests/unit/conveyor/test_names.py",)
_WARM_UP_S: Final = 600.0


@dataclass
class _Plan:
    """What is to be tried, and what was.

    Attributes:
        root: The tree, as it was when the run began.
        waiting: The faults that were not tried yet.
        deadline: When no more trial begins, by the monotonic clock.
        lock: Whoever changes the lists holds it.
        trials: What was tried.
    """

    root: Path
    waiting: list[Fault]
    deadline: float
    lock: threading.Lock = field(default_factory=threading.Lock)
    trials: list[Trial] = field(default_factory=list)

    def take(self) -> Fault | None:
        """The next fault; None where all were tried, or the time is over."""
        with self.lock:
            is_over = not self.waiting or time.monotonic() > self.deadline
            return None if is_over else self.waiting.pop(0)

    def note(self, trial: Trial) -> None:
        """Keep what has become of one, and say it where no test has seen it."""
        with self.lock:
            self.trials.append(trial)
        if trial.end in (End.SURVIVED, End.UNSEEN):
            text = _text(self.root, trial.fault)
            where = f"{trial.fault.path}:{trial.fault.line(text)}"
            print(f"{where}: {trial.end.value}", *trial.fault.diff(text), sep="\n    ", flush=True)


def main() -> int:
    """Try faults until the time is over; 0 if tests see enough of them in each package."""
    options = _options()
    with tempfile.TemporaryDirectory(prefix="conveyor-mutants-") as folder:
        return _run(Path(folder), options)


def _run(folder: Path, options: argparse.Namespace) -> int:
    deadline = time.monotonic() + options.minutes * 60
    # Whatever you edit meanwhile, the run stays with what it began with.
    root = folder / "plain"
    copy_tree(_ROOT, root)
    faults = {area.name: _faults(root, area, options.path) for area in AREAS}
    equivalents = Equivalents.read(root / "mutants" / "equivalent.txt")
    listed = {
        fault
        for fault in chain.from_iterable(faults.values())
        if equivalents.reason(fault, _text(root, fault))
    }
    waiting = [fault for fault in _mixed(faults, options.seed) if fault not in listed]
    plan = _Plan(root, waiting[: options.number], deadline)
    _try_all(plan, folder, options)
    of_each = {area: sum(fault in listed for fault in found) for area, found in faults.items()}
    possible = {area: len(found) for area, found in faults.items()}
    counted = tallies([area for area in faults if faults[area]], plan.trials, of_each, possible)
    said = f"`python -m mutants {' '.join(sys.argv[1:])}`".replace(" `", "`")
    write(options.report, root, counted, plan.trials, said)
    return _judge(counted, options.report)


def _faults(root: Path, area: Area, wanted: list[str] | None) -> list[Fault]:
    paths = files_of(root, area)
    if wanted:
        paths = [path for path in paths if path.startswith(tuple(wanted))]
    return list(faults_in(root, paths))


def _text(root: Path, fault: Fault) -> str:
    return (root / fault.path).read_text()


def _mixed(faults: Mapping[str, list[Fault]], seed: int) -> list[Fault]:
    """Mix the faults of each package, and take one of each by turns."""
    chance = random.Random(seed)  # noqa: S311  # because a seed is what it is for
    mixed = [chance.sample(found, len(found)) for found in faults.values()]
    return [fault for turn in zip_longest(*mixed) for fault in turn if fault is not None]


def _try_all(plan: _Plan, folder: Path, options: argparse.Namespace) -> None:
    kept = options.report.absolute() / "record.json"
    seen_by: SeenBy | None = None
    if not options.tests:
        record = Record.of(plan.root, kept, options.side_by_side)
        seen_by = SeenBy(plan.root, record.seen, options.most_seconds)
    print(f"{len(plan.waiting)} faults", flush=True)
    named = tuple(options.tests or ())
    with ExitStack() as stack, ThreadPoolExecutor(options.side_by_side) as pool:
        benches = [
            stack.enter_context(Bench(plan.root, folder / f"copy-{number}"))
            for number in range(options.side_by_side)
        ]
        for work in [pool.submit(_work, plan, bench, seen_by, named) for bench in benches]:
            work.result()


def _work(plan: _Plan, bench: Bench, seen_by: SeenBy | None, named: tuple[str, ...]) -> None:
    """Try one fault after the other, on the tests that can see it or on those that are named."""
    bench.warm_up(named or _WARM_UP, _WARM_UP_S)
    while fault := plan.take():
        if compiles(fault, _text(plan.root, fault)):
            chosen = seen_by.choose(fault) if seen_by else Chosen(named, bench.startup_s, 0)
            plan.note(bench.try_out(fault, chosen))


def _judge(counted: list[Tally], report: Path) -> int:
    for each in counted:
        print(
            f"{each.share:7.1%}  {each.area}: {each.caught} of {each.tried} caught, "
            f"{each.equivalent} equivalent, {each.possible} possible"
        )
    print(f"The survivors: {report / 'report.md'}")
    return 0 if counted and all(each.is_enough for each in counted) else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m mutants", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60, help="begin no trial after that")
    parser.add_argument("--seed", type=int, default=1, help="of the order of the faults")
    parser.add_argument("--number", type=int, help="so many faults at most")
    parser.add_argument("--path", action="append", help="how a file's path begins; repeatable")
    parser.add_argument("--tests", action="append", help="try on these alone, without a record")
    parser.add_argument("--side-by-side", type=int, default=2, help="trials at a time")
    parser.add_argument("--most-seconds", type=float, default=40, help="of tests, for one fault")
    parser.add_argument("--report", type=Path, default=Path("var/mutants"), help="the folder")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
