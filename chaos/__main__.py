"""``make chaos``: every fault against a fleet of real processes, and one table of how it went."""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from pathlib import Path
from typing import Final

from redis.exceptions import RedisError
from rich.console import Console

from chaos.build import BOTH, DIALECTS
from chaos.cases import CASES
from chaos.report import show
from chaos.scene import run
from chaos.verdict import Verdict
from conveyor.errors import ConveyorError
from local_stack.process import StartError

_CONVERSIONS: Final = 200
# Of a log, where nobody knows how wide it will be shown.
_FILE_WIDTH: Final = 140


def main() -> int:
    """Run the cases asked for; 0 if every promise was kept."""
    options = _options()
    console = Console() if sys.stdout.isatty() else Console(width=_FILE_WIDTH)
    began = time.monotonic()
    verdicts: list[Verdict] = []
    for number, case in enumerate(CASES, 1):
        if options.case and not any(word in case.name for word in options.case):
            continue
        directory = options.logs.absolute() / f"{number:02}"
        shutil.rmtree(directory, ignore_errors=True)
        try:
            verdict = run(case, options.dialect, options.conversions, directory, options.seed)
        except (StartError, ConveyorError, RedisError, OSError) as error:
            said = f"the case could not be run to its end: {error}"
            count = options.conversions
            verdict = Verdict(case.name, options.dialect, count, count, broken=(said,))
        verdicts.append(verdict)
        _say(console, verdict, time.monotonic() - began)
    show(console, verdicts)
    console.print(f"{time.monotonic() - began:.0f} s in all")
    broken = [each for each in verdicts if not each.is_kept]
    if broken:
        console.print(f"{len(broken)} of {len(verdicts)} broken; the logs: {options.logs}")
    return 1 if broken or not verdicts else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m chaos", description=__doc__)
    parser.add_argument("--case", action="append", help="a part of a case's name; repeatable")
    parser.add_argument("--dialect", choices=(*DIALECTS, BOTH), default=BOTH)
    parser.add_argument("--conversions", type=int, default=_CONVERSIONS, help="in flight, each")
    parser.add_argument("--seed", type=int, default=1, help="of the random moments")
    parser.add_argument("--logs", type=Path, default=Path("var/chaos"), help="by number")
    return parser.parse_args()


def _say(console: Console, verdict: Verdict, seconds: float) -> None:
    end = "kept" if verdict.is_kept else f"BROKEN {', '.join(verdict.broken)}"
    figures = (
        f"lost {verdict.lost}, paid twice {verdict.duplicates}, violations {verdict.violations}, "
        f"mistold {verdict.mistold}, late {verdict.late}"
    )
    console.print(f"{seconds:5.0f} s  {verdict.case}: {figures}, {end}", highlight=False)


if __name__ == "__main__":
    sys.exit(main())
