"""``conveyor status``: the fleet at a glance, once or again and again."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.console import Group
from rich.live import Live
from rich.text import Text

from conveyor.cli import console, fleet_rows, json_lines
from conveyor.cli.failures import Interrupted, explain, tell
from conveyor.cli.options import AsJson
from conveyor.cli.session import connected
from conveyor.cli.tables import table_of
from conveyor.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from conveyor.diagnosis.fleet_report import FleetReport

__all__ = ["status"]

_EVERY_S: Final = 2.0


def status(
    watch: Annotated[
        bool, typer.Option("--watch", help="Look again and again, until you press Ctrl-C.")
    ] = False,
    every: Annotated[
        float,
        typer.Option(metavar="SECONDS", min=0.1, help="With --watch: the time between looks."),
    ] = _EVERY_S,
    as_json: AsJson = False,
) -> None:
    """Show the fleet: conversions, queues, workers, accounts, dead letters.

    For one conversion, run: conveyor get ID
    """
    # Loaded here: it brings Celery, and other commands don't need that for their help.
    from conveyor.diagnosis.fleet_report import report_of  # noqa: PLC0415 - as above

    with connected() as conveyor:
        if watch:
            _watch(lambda: report_of(conveyor), every, as_json=as_json)
            return
        report = report_of(conveyor)
    _print(report, as_json=as_json)
    if not report.is_whole:
        raise typer.Exit(1)


def _print(report: FleetReport, *, as_json: bool) -> None:
    if as_json:
        json_lines.put(fleet_rows.plain_of(report))
    else:
        console.show_rows(console.stdout(), fleet_rows.COLUMNS, fleet_rows.rows(report))


def _watch(look: Callable[[], FleetReport], every_s: float, *, as_json: bool) -> None:
    """Look again and again. Ctrl-C is how it ends, and no error."""
    try:
        if as_json or not console.stdout().is_interactive:
            _watch_in_lines(look, every_s, as_json=as_json)
        else:
            _watch_in_place(look, every_s)
    except (KeyboardInterrupt, Interrupted):
        return


def _watch_in_lines(look: Callable[[], FleetReport], every_s: float, *, as_json: bool) -> None:
    while True:
        try:
            _print(look(), as_json=as_json)
        except Unavailable as error:
            # What is away now may be there at the next look.
            tell(explain(error))
        time.sleep(every_s)


def _watch_in_place(look: Callable[[], FleetReport], every_s: float) -> None:
    out = console.stdout()
    with Live(console=out, auto_refresh=False, transient=False) as live:
        while True:
            live.update(_picture(look, out.width), refresh=True)
            time.sleep(every_s)


def _picture(look: Callable[[], FleetReport], width: int) -> Any:
    now = Text(time.strftime("%H:%M:%S  Ctrl-C ends it"), style="dim")
    try:
        table = table_of(fleet_rows.COLUMNS, [*fleet_rows.rows(look())], width)
    except Unavailable as error:
        return Group(now, Text(explain(error).line))
    return Group(now, table)
