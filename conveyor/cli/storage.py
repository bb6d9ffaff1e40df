"""``conveyor storage``: which storage is in use."""

from __future__ import annotations

import typer

from conveyor.cli import console, json_lines
from conveyor.cli.options import AsJson
from conveyor.cli.session import connected
from conveyor.domain.redaction import redact_server_url

__all__ = ["app"]

app = typer.Typer(
    help="The storage: a marker file shows producers and workers that they use the same one.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.callback()
def _root() -> None:
    """The storage: a marker file shows producers and workers that they use the same one."""


@app.command()
def adopt(as_json: AsJson = False) -> None:
    """Say that CONVEYOR_STORAGE_URL is right, after the storage was moved on purpose.

    Workers that have it go on within half a minute. Those that have another hold their work.
    """
    with connected() as conveyor:
        conveyor.marker.adopt()
        where = redact_server_url(conveyor.storage.location)
    if as_json:
        json_lines.put({"storage": where})
    else:
        console.say(console.stdout(), f"The storage in use is {where} from now on.")
