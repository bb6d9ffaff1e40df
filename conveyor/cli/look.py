"""``conveyor get``."""

from __future__ import annotations

from typing import Annotated

import typer

from conveyor.cli import completing, console, json_lines, report
from conveyor.cli.options import AsJson
from conveyor.cli.session import connected

__all__ = ["get"]


def get(
    conversion_id: Annotated[
        str, typer.Argument(metavar="ID", help="The conversion.", autocompletion=completing.ids)
    ],
    as_json: AsJson = False,
) -> None:
    """Show a conversion's current state."""
    with connected() as conveyor:
        handle = conveyor.handle(conversion_id)
        conversion, progress = handle.get(), handle.progress()
    if as_json:
        json_lines.put({**conversion.to_dict(), "note": progress.note})
        return
    report.summary(conversion, console.stdout())
    if progress.note:
        console.say(console.stdout(), f"note      {progress.note}")
    if conversion.state.is_dead:
        console.say(console.stdout(), f"next      conveyor dead show {conversion.id}")
