"""Output of the command line: results on stdout, progress on stderr.

Escape codes and bars are for terminals. With ``NO_COLOR`` there are none on a terminal either.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from conveyor.cli import json_lines
from conveyor.cli.tables import GAP, Column, table_of
from conveyor.cli.text import one_line

__all__ = ["Column", "note", "say", "show_rows", "stderr", "stdout"]

# A last column that is broken into lines has so much room at least.
_LEAST: Final = 16


def stdout() -> Console:
    """For results. Data is never read as markup."""
    return _console(stderr=False)


def stderr() -> Console:
    """For progress and questions."""
    return _console(stderr=True)


def _console(*, stderr: bool) -> Console:
    plain = {"markup": False, "highlight": False, "emoji": False}
    console = Console(stderr=stderr, **plain)  # type: ignore[arg-type] # they are booleans
    if not console.no_color:
        return console
    # rich leaves the colours out alone; bold text and bars are escape codes, too.
    return Console(stderr=stderr, color_system=None, force_interactive=False, **plain)  # type: ignore[arg-type] # as above


def say(console: Console, text: str, style: str = "") -> None:
    """Print one line, which is never broken into two.

    Args:
        console: The console to print on.
        text: What; control characters are left out.
        style: A rich style, on terminals.
    """
    console.print(Text(one_line(text), style=style), soft_wrap=True)


def note(text: str, **more: Any) -> None:
    """Say something beside the result, on standard error: for a person, or as JSON.

    Args:
        text: One line.
        more: What a program may want of it, by name: JSON alone has it.
    """
    if json_lines.is_wanted():
        json_lines.put_aside({"note": one_line(text), **more})
    else:
        say(stderr(), text)


def show_rows(
    console: Console, header: Sequence[str | Column], rows: Iterable[Sequence[str]]
) -> None:
    """Print a table: for people on a terminal, else lines with tabs for other programs.

    Programs get every column whole. A terminal gets what it has room for.

    Args:
        console: The console to print on.
        header: The columns, or their names alone: of these the last may be broken into lines.
        rows: The cells; control characters are left out.
    """
    clean = [[one_line(cell) for cell in row] for row in rows]
    if not console.is_terminal:
        for row in clean:
            # Not by `print`, which makes tabs into spaces.
            console.file.write("\t".join(row) + "\n")
        return
    table = table_of(_columns(header), clean, console.width)
    # Where there is no room for an id the terminal breaks the line, and nothing of it is lost.
    console.width = max(console.width, _width_of(table))
    console.print(table)


def _columns(header: Sequence[str | Column]) -> list[Column]:
    *first, last = (Column(it) if isinstance(it, str) else it for it in header)
    if isinstance(header[-1], str):
        last = Column(header[-1], least=_LEAST, folds=True)
    return [*first, last]


def _width_of(table: Table) -> int:
    return sum((column.width or 0) + GAP for column in table.columns) - GAP
