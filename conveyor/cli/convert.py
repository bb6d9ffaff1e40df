"""``conveyor convert`` and ``conveyor wait``."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

import typer

from conveyor.cli import console, files, report
from conveyor.cli.progress import follow
from conveyor.cli.session import connected, goes_on
from conveyor.cli.text import parse_duration
from conveyor.domain.deadlines import deadline_from_text
from conveyor.domain.metadata import metadata_from_pairs
from conveyor.domain.rules import MAX_SEMI_ASYNC_S
from conveyor.errors import InvalidRequest
from conveyor.handle import Handle
from conveyor.producer import Conveyor

__all__ = ["Metadata", "convert", "wait"]

Out = Annotated[Path, typer.Option("--out", metavar="DIR", help="The folder for the result files.")]
Force = Annotated[
    bool, typer.Option("--force", help="Replace files. Otherwise a new one gets a number: a-1.pdf.")
]
Metadata = Annotated[
    list[str] | None,
    typer.Option(
        "--metadata",
        metavar="KEY=VALUE",
        help="Your own data, shown with the conversion. May be repeated.",
    ),
]
Timeout = Annotated[
    float | None,
    typer.Option(
        metavar="SECONDS", min=0, help="How long to wait. The conversion keeps running after it."
    ),
]


def convert(  # noqa: PLR0917 - typer reads the command's options off its parameters
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE",
            help="A file, a URL that ConvertAPI can reach, an fsspec URL or a FileId. "
            "Several make one conversion, such as a merge.",
        ),
    ],
    to: Annotated[
        str, typer.Option("--to", metavar="FORMAT", help="The target: pdf, jpg, merge, zip ...")
    ],
    from_format: Annotated[
        str | None,
        typer.Option(
            "--from", metavar="FORMAT", help="The source's format, if its name has no suffix."
        ),
    ] = None,
    out: Out = Path(),
    params: Annotated[
        list[str] | None,
        typer.Option(
            "--param",
            metavar="NAME=VALUE",
            help="A parameter by ConvertAPI's own name: PageRange=1-3. May be repeated. "
            "One whose name ends in File takes what SOURCE takes: OverlayFile=stamp.pdf.",
        ),
    ] = None,
    semi_async: Annotated[
        int | None,
        typer.Option(
            metavar="SECONDS",
            min=0,
            max=MAX_SEMI_ASYNC_S,
            help="How long a worker keeps the connection open for the result itself, for large "
            "files. 0 never waits. Unless given, the workers' setting says it.",
        ),
    ] = None,
    callback: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="An https address that Conveyor calls when the conversion has ended.",
        ),
    ] = None,
    callback_events: Annotated[
        Literal["ends", "changes"],
        typer.Option(help="Whether it hears of the end alone, or of every change of state."),
    ] = "ends",
    keep: Annotated[
        str | None,
        typer.Option(
            metavar="SPAN",
            help="How long the result stays in the storage, for example 12h or 7d. Unless given, "
            "the workers' setting says it.",
        ),
    ] = None,
    idempotency_key: Annotated[
        str | None,
        typer.Option(
            metavar="KEY",
            help=("An idempotency key: for 7 days the same key is the same conversion, paid once."),
        ),
    ] = None,
    metadata: Metadata = None,
    deadline: Annotated[
        str | None,
        typer.Option(
            metavar="SPAN|TIME",
            help="Cancel it, unpaid, if it has not begun by then: 90s, 2h, or 2026-11-26T18:00Z.",
        ),
    ] = None,
    timeout: Timeout = None,
    force: Force = False,
    no_wait: Annotated[
        bool, typer.Option("--no-wait", help="Enqueue only, and print the id.")
    ] = False,
) -> None:
    """Convert documents: enqueue, show progress, fetch the result."""
    given = parse_params(params or ())
    if not no_wait:
        files.check_folder(out)
    with connected() as conveyor:
        handle = conveyor.convert(
            sources if len(sources) > 1 else sources[0],
            to,
            from_format=from_format,
            params=given,
            idempotency_key=idempotency_key,
            semi_async_seconds=semi_async,
            metadata=metadata_from_pairs(metadata or ()),
            deadline=None if deadline is None else parse_deadline(deadline),
            callback={"url": callback, "events": callback_events} if callback else None,
            keep=keep,
        )
        if no_wait:
            typer.echo(handle.id)
            return
        console.say(console.stderr(), f"conversion {handle.id}")
        _finish(conveyor, handle, out, timeout, replace=force)


def wait(
    conversion_id: Annotated[str, typer.Argument(metavar="ID", help="The conversion.")],
    out: Out = Path(),
    timeout: Timeout = None,
    force: Force = False,
) -> None:
    """Wait for a conversion that was enqueued before, and fetch its result."""
    files.check_folder(out)
    with connected() as conveyor:
        _finish(conveyor, conveyor.handle(conversion_id), out, timeout, replace=force)


def parse_deadline(text: str) -> datetime | float:
    """Read a deadline: a time span, or a time.

    Args:
        text: As typed.

    Raises:
        InvalidRequest: It is neither.
    """
    try:
        return parse_duration(text)
    except InvalidRequest:
        return deadline_from_text(text)


def parse_params(given: Iterable[str]) -> dict[str, str]:
    """Read ``Name=Value`` pairs.

    Args:
        given: The parameters as typed.

    Returns:
        Values by name.

    Raises:
        InvalidRequest: One is no such pair, or a name comes twice.
    """
    params: dict[str, str] = {}
    for text in given:
        name, separator, value = text.partition("=")
        if not name or not separator:
            # Not shown: what stands there may be a document's password.
            raise InvalidRequest(
                "Write a parameter as NAME=VALUE, for example --param PageRange=1-3."
            )
        if name in params:
            raise InvalidRequest(f"The parameter {name} is given twice. Give it once.")
        params[name] = value
    return params


def _finish(
    conveyor: Conveyor, handle: Handle, out: Path, timeout: float | None, *, replace: bool
) -> None:
    with goes_on(handle.id):
        conversion = follow(handle, console.stderr(), timeout)
        conversion.raise_if_failed()
        saved = files.fetch(conversion, conveyor.storage, out, replace=replace)
    report.summary(conversion, console.stdout())
    for path in saved:
        console.say(console.stdout(), f"saved     {path}")
