"""``conveyor cancel``."""

from __future__ import annotations

from typing import Annotated

import typer

from conveyor.cli import console, report
from conveyor.cli.session import connected
from conveyor.domain.conversion import State
from conveyor.errors import ConveyorError

__all__ = ["cancel"]


def cancel(
    conversion_id: Annotated[str, typer.Argument(metavar="ID", help="The conversion.")],
) -> None:
    """Cancel a conversion in any state. What was paid stays paid."""
    with connected() as conveyor:
        conversion = conveyor.cancel(conversion_id)
    if conversion.state is not State.CANCELLED:
        raise ConveyorError(
            f"The conversion {conversion_id} has already ended: it is {conversion.state}. See: "
            f"conveyor get {conversion_id}"
        )
    report.summary(conversion, console.stdout())
