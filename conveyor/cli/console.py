"""Output of the command line: results on stdout, progress on stderr."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from conveyor.cli.text import one_line

__all__ = ["say", "show_rows", "stderr", "stdout"]


def stdout() -> Console:
    """For results. Data is never read as markup."""
    return Console(markup=False, highlight=False, emoji=False)


def stderr() -> Console:
    """For progress and questions."""
    return Console(stderr=True, markup=False, highlight=False, emoji=False)


def say(console: Console, text: str, style: str = "") -> None:
    """Print one line, which is never broken into two.

    Args:
        console: The console to print on.
        text: What; control characters are left out.
        style: A rich style, on terminals.
    """
    console.print(Text(one_line(text), style=style), soft_wrap=True)


def show_rows(console: Console, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table: for people on a terminal, else lines with tabs for other programs.

    Args:
        console: The console to print on.
        header: The columns' names; the last column may be broken into lines.
        rows: The cells; control characters are left out.
    """
    clean = [[one_line(cell) for cell in row] for row in rows]
    if not console.is_terminal:
        for row in clean:
            # Not by `print`, which makes tabs into spaces.
            console.file.write("\t".join(row) + "\n")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in header[:-1]:
        table.add_column(name, no_wrap=True)
    table.add_column(header[-1], overflow="fold")
    for row in clean:
        table.add_row(*(Text(cell) for cell in row))
    console.print(table)
