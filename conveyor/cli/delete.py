"""``conveyor delete``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from conveyor.cli import completing, console, json_lines
from conveyor.cli.asking import confirm
from conveyor.cli.options import AsJson, Yes
from conveyor.cli.session import connected
from conveyor.cli.text import count
from conveyor.errors import UnknownConversion

if TYPE_CHECKING:
    from conveyor.domain.deletion import Deletion

__all__ = ["delete"]


def delete(
    ids: Annotated[
        list[str],
        typer.Argument(metavar="ID...", help="The conversions.", autocompletion=completing.ids),
    ],
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Delete conversions with all that they left: files, records, and what ConvertAPI keeps.

    One that still runs is cancelled first. What was paid stays paid.
    """
    confirm(
        f"Delete {count(len(ids), 'conversion')} with all files? Nothing brings them back.", yes=yes
    )
    unknown: list[str] = []
    with connected() as conveyor:
        for conversion_id in ids:
            try:
                deletion = conveyor.delete(conversion_id)
            except UnknownConversion as error:
                unknown.append(str(error))
                continue
            if as_json:
                json_lines.put(deletion.to_dict())
            else:
                typer.echo(f"{conversion_id}\t{_stand_of(deletion)}")
    for line in unknown[:-1]:
        console.note(line)
    if unknown:
        # One that is not there keeps none of the others from being deleted.
        raise UnknownConversion(unknown[-1])


def _stand_of(deletion: Deletion) -> str:
    return "deleted" if deletion.erased_at else "deleted, workers remove the rest"
