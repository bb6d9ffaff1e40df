"""``conveyor delete``."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from conveyor.cli import console
from conveyor.cli.asking import confirm
from conveyor.cli.session import connected
from conveyor.cli.text import count
from conveyor.domain.deletion import Deletion
from conveyor.errors import UnknownConversion

__all__ = ["delete"]


def delete(
    ids: Annotated[list[str], typer.Argument(metavar="ID...", help="The conversions.")],
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Delete conversions with all that they left: files, records, and what ConvertAPI keeps.

    One that still runs is cancelled first. What was paid stays paid.
    """
    confirm(
        f"Delete {count(len(ids), 'conversion')} with all files? Nothing brings them back.", yes=yes
    )
    deleted: list[Deletion] = []
    unknown: list[str] = []
    with connected() as conveyor:
        for conversion_id in ids:
            try:
                deleted.append(conveyor.delete(conversion_id))
            except UnknownConversion as error:
                unknown.append(str(error))
                continue
            if not as_json:
                typer.echo(f"{conversion_id}\t{_stand_of(deleted[-1])}")
    if as_json:
        typer.echo(json.dumps([deletion.to_dict() for deletion in deleted], indent=2))
    for line in unknown[:-1]:
        console.say(console.stderr(), line)
    if unknown:
        # One that is not there keeps none of the others from being deleted.
        raise UnknownConversion(unknown[-1])


def _stand_of(deletion: Deletion) -> str:
    return "deleted" if deletion.erased_at else "deleted, workers remove the rest"
