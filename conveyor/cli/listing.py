"""``conveyor list``: conversions, those accepted last first."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Annotated, Final

import typer

from conveyor.cli import console, json_lines
from conveyor.cli.console import Column
from conveyor.cli.options import AsJson, Metadata
from conveyor.cli.session import connected
from conveyor.cli.text import age_text
from conveyor.domain.conversion import State
from conveyor.domain.metadata import metadata_from_pairs, metadata_text
from conveyor.errors import InvalidRequest

if TYPE_CHECKING:
    from conveyor.watching.fleet import Page, Status

__all__ = ["list_conversions"]

_MOST: Final = 1000
_PAGE: Final = 200
_COLUMNS: Final = (
    Column("id"),
    Column("state"),
    Column("age", rank=1),
    Column("source", least=8),
    Column("formats", rank=2),
    Column("reason"),
    Column("metadata", rank=3, least=12),
)


def list_conversions(  # noqa: PLR0917 - typer reads the command's options off its parameters
    state: Annotated[
        State | None, typer.Option(metavar="STATE", help="Only those in this state.")
    ] = None,
    metadata: Metadata = None,
    limit: Annotated[int, typer.Option(min=1, max=_MOST, help="Show at most so many.")] = 50,
    cursor: Annotated[
        str, typer.Option(metavar="CURSOR", help="Go on where another list ended.")
    ] = "",
    every: Annotated[
        bool, typer.Option("--all", help="All of them, whatever --limit says.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List conversions, those accepted last first."""
    if every and cursor:
        raise InvalidRequest("--all begins with the last one. Leave --cursor or --all out.")
    with connected() as conveyor:
        wanted = metadata_from_pairs(metadata or ())
        pages = _pages(partial(conveyor.list, state, metadata=wanted), limit, cursor, every=every)
        following = _put(pages) if as_json else _show(pages)
    if following:
        console.note(
            f"There are more. To go on, add --cursor {following}, or --all.", next=following
        )


def _pages(
    look: Callable[[int, str], Page], limit: int, cursor: str, *, every: bool
) -> Iterator[Page]:
    """Pages until there are enough; a search by metadata may find less than it was asked for."""
    left = limit
    while every or left > 0:
        page = look(_PAGE if every else left, cursor)
        yield page
        cursor = page.cursor
        left -= len(page.statuses)
        if not cursor:
            return


def _put(pages: Iterator[Page]) -> str:
    """Print them as they come, and say where the next list goes on."""
    following = ""
    for page in pages:
        following = page.cursor
        for status in page.statuses:
            json_lines.put({**status.conversion.to_dict(), "note": status.progress.note})
    return following


def _show(pages: Iterator[Page]) -> str:
    out, following, found = console.stdout(), "", False
    rows: list[tuple[str, ...]] = []
    for page in pages:
        following = page.cursor
        rows += map(_row, page.statuses)
        found = found or bool(rows)
        if not out.is_terminal:
            # Other programs need no common width, and get each page as it comes.
            console.show_rows(out, _COLUMNS, rows)
            rows = []
    if rows:
        console.show_rows(out, _COLUMNS, rows)
    if not found:
        console.note("There are no such conversions.")
    return following


def _row(status: Status) -> tuple[str, ...]:
    conversion = status.conversion
    return (
        conversion.id,
        conversion.state.value,
        age_text(time.time() - conversion.created_at),
        conversion.source_name or "-",
        f"{conversion.from_format}:{conversion.to_format}",
        conversion.failure.reason.value if conversion.failure else "-",
        metadata_text(conversion.metadata) or "-",
    )
