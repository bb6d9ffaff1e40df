"""``conveyor formats``: what is converted into what."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Annotated

import typer

from conveyor.cli import completing, console, json_lines
from conveyor.cli.options import AsJson
from conveyor.domain.formats import FORMATS, targets_of
from conveyor.errors import InvalidRequest

__all__ = ["formats"]


def formats(
    source: Annotated[
        str | None,
        typer.Argument(
            metavar="[FROM]",
            help="The format of your document: docx. Without it, every format is listed.",
            autocompletion=completing.sources,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List what a format can be converted into. It asks nobody, so ConvertAPI may know more."""
    known = FORMATS if source is None else {source: _targets(source)}
    if as_json:
        for name, targets in known.items():
            json_lines.put({"from": name, "to": list(targets)})
    elif source is None:
        rows = [(name, " ".join(targets)) for name, targets in known.items()]
        console.show_rows(console.stdout(), ("from", "to"), rows)
    else:
        _print_lines(known[source])


def _targets(source: str) -> tuple[str, ...]:
    targets = targets_of(source)
    if not targets:
        close = get_close_matches(source.lower().removeprefix("."), FORMATS, 1)
        meant = f" Did you mean {close[0]}?" if close else ""
        raise InvalidRequest(
            f"Nothing is known of the format {source!r}.{meant} Run `conveyor formats` to see the "
            "known ones. `conveyor convert` takes others, too."
        )
    return targets


def _print_lines(targets: Iterable[str]) -> None:
    for target in targets:
        typer.echo(target)
