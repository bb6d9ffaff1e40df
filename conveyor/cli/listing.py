"""``conveyor list``: conversions, those accepted last first."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Final

import typer

from conveyor.cli import console, json_lines
from conveyor.cli.console import Column
from conveyor.cli.options import AsJson
from conveyor.cli.session import connected
from conveyor.cli.text import age_text
from conveyor.domain.conversion import Conversion, State
from conveyor.errors import InvalidRequest

if TYPE_CHECKING:
    from conveyor.producer import Conveyor
    from conveyor.watching.fleet import Page, Status

__all__ = ["list_conversions"]

_MOST: Final = 1000
_PAGE: Final = 200
_COLUMNS: Final = (
    Column("id"),
    Column("state"),
    Column("age", rank=1),
    Column("source", least=10),
    Column("formats", rank=3),
    Column("reason", rank=2),
    Column("metadata", rank=4, least=12),
)


def list_conversions(
    state: Annotated[
        State | None, typer.Option(metavar="STATE", help="Only those in this state.")
    ] = None,
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
        pages = _pages(conveyor, state, limit, cursor, every=every)
        following = _put(pages) if as_json else _show(pages)
    if following:
        console.note(
            f"There are more. To go on, add --cursor {following}, or --all.", next=following
        )


def _pages(
    conveyor: Conveyor, state: State | None, limit: int, cursor: str, *, every: bool
) -> Iterator[Page]:
    while True:
        page = conveyor.list(state, _PAGE if every else limit, cursor)
        yield page
        cursor = page.cursor
        if not (every and cursor):
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
        _metadata(conversion) or "-",
    )


def _metadata(conversion: Conversion) -> str:
    return " ".join(f"{key}={value}" for key, value in conversion.metadata.items())
