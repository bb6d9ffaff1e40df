"""The table."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from rich.console import Console
from rich.table import Table

from chaos.verdict import Verdict

__all__ = ["show"]

_FIGURES: Final = (
    *("conversions", "lost", "duplicates", "violations", "mistold", "late", "recovered in s"),
)


def show(console: Console, verdicts: Iterable[Verdict]) -> None:
    """Print the table, and below it what it has no column for.

    Args:
        console: The console to print on.
        verdicts: One a row.
    """
    table = Table(title="Faults, real processes, polls 0.2 s apart")
    table.add_column("case")
    table.add_column("dialect")
    for heading in _FIGURES:
        table.add_column(heading, justify="right")
    table.add_column("promises")
    for each in (verdicts := tuple(verdicts)):
        table.add_row(
            each.case,
            each.dialect,
            str(each.conversions),
            str(each.lost),
            str(each.duplicates),
            str(each.violations),
            str(each.mistold),
            str(each.late),
            "never" if each.recovered_s is None else f"{each.recovered_s:.1f}",
            "kept" if each.is_kept else "[bold red]BROKEN",
        )
    console.print(table)
    for each in verdicts:
        for line in (*each.broken, *each.notes):
            console.print(f"{each.case}, {each.dialect}: {line}", highlight=False, soft_wrap=True)
