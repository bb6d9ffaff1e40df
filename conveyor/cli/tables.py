"""Tables that fit a terminal: which columns there is room for, and how wide each is.

What a reader acts on stays whole: an id, a reason. The rest is cut, or left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

__all__ = ["GAP", "Column", "table_of"]

GAP: Final = 2
"""So many cells are between two columns."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.

    Attributes:
        name: Its head.
        rank: 0 stays. Of the others the highest is left out first where there is no room.
        least: It may be cut to so many cells; 0: it is shown whole.
        folds: Whether it is broken into lines where it is cut otherwise.
    """

    name: str
    rank: int = 0
    least: int = 0
    folds: bool = False


def table_of(columns: Sequence[Column], rows: Sequence[Sequence[str]], width: int) -> Table:
    """Lay a table out.

    Args:
        columns: The columns.
        rows: The cells.
        width: How many cells a line of the terminal has.
    """
    natural = [
        max(cell_len(text) for text in (column.name, *(row[place] for row in rows)))
        for place, column in enumerate(columns)
    ]
    chosen = _chosen(columns, natural, width)
    widths = _widths(columns, natural, chosen, width)
    table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="bold")
    for place in chosen:
        column = columns[place]
        table.add_column(
            column.name,
            width=widths[place],
            no_wrap=not column.folds,
            overflow="fold" if column.folds else "ellipsis",
        )
    for row in rows:
        table.add_row(*(Text(row[place]) for place in chosen))
    return table


def _chosen(columns: Sequence[Column], natural: Sequence[int], width: int) -> list[int]:
    """The places of the columns that there is room for."""
    chosen = list(range(len(columns)))
    while _needed(columns, natural, chosen) > width:
        rank, place = max((columns[place].rank, place) for place in chosen)
        if not rank:
            break
        chosen.remove(place)
    return chosen


def _needed(columns: Sequence[Column], natural: Sequence[int], chosen: Sequence[int]) -> int:
    least = (min(natural[place], columns[place].least or natural[place]) for place in chosen)
    return sum(least) + GAP * (len(chosen) - 1)


def _widths(
    columns: Sequence[Column], natural: Sequence[int], chosen: Sequence[int], width: int
) -> dict[int, int]:
    """How wide each is: the ones that may be cut share what the others leave, the last first."""
    widths = {place: natural[place] for place in chosen}
    over = sum(widths.values()) + GAP * (len(chosen) - 1) - width
    for place in reversed(chosen):
        least = columns[place].least
        if over > 0 and least:
            given = min(over, max(widths[place] - least, 0))
            widths[place] -= given
            over -= given
    return widths
