"""``conveyor get``."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from conveyor.cli import console, report
from conveyor.cli.session import connected

__all__ = ["get"]


def get(
    conversion_id: Annotated[str, typer.Argument(metavar="ID", help="The conversion.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show a conversion's current state."""
    with connected() as conveyor:
        handle = conveyor.handle(conversion_id)
        conversion, progress = handle.get(), handle.progress()
    if as_json:
        typer.echo(json.dumps({**conversion.to_dict(), "note": progress.note}, indent=2))
        return
    report.summary(conversion, console.stdout())
    if progress.note:
        console.say(console.stdout(), f"note      {progress.note}")
    if conversion.state.is_dead:
        console.say(console.stdout(), f"next      conveyor dead show {conversion.id}")
