"""``conveyor cancel``."""

from __future__ import annotations

from typing import Annotated

import typer

from conveyor.cli import completing, console, json_lines, report
from conveyor.cli.options import AsJson
from conveyor.cli.session import connected
from conveyor.domain.conversion import State
from conveyor.errors import ConveyorError

__all__ = ["cancel"]


def cancel(
    conversion_id: Annotated[
        str,
        typer.Argument(metavar="ID", help="The conversion.", autocompletion=completing.running_ids),
    ],
    as_json: AsJson = False,
) -> None:
    """Cancel a conversion in any state. What was paid stays paid."""
    with connected() as conveyor:
        conversion = conveyor.cancel(conversion_id)
    if conversion.state is not State.CANCELLED:
        raise ConveyorError(
            f"The conversion {conversion_id} has already ended: it is {conversion.state}. See: "
            f"conveyor get {conversion_id}"
        )
    if as_json:
        json_lines.put(conversion.to_dict())
    else:
        report.summary(conversion, console.stdout())
