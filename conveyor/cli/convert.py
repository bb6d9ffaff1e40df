"""``conveyor convert`` and ``conveyor wait``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from conveyor.cli import completing, console, files, json_lines, report, standard
from conveyor.cli.bar import bar_over
from conveyor.cli.batch import Batch, plain_of
from conveyor.cli.options import AsJson, Metadata
from conveyor.cli.orders import Order, orders_of
from conveyor.cli.progress import follow
from conveyor.cli.session import connected, goes_on
from conveyor.cli.text import parse_duration
from conveyor.domain.deadlines import deadline_from_text
from conveyor.domain.metadata import metadata_from_pairs
from conveyor.domain.rules import MAX_SEMI_ASYNC_S
from conveyor.errors import InvalidRequest

if TYPE_CHECKING:
    from conveyor.domain.sources import SourceInput
    from conveyor.handle import Handle
    from conveyor.producer import Conveyor

__all__ = ["convert", "wait"]

Out = Annotated[
    Path,
    typer.Option(
        "--out", metavar="DIR", help="The folder for the result files. - is standard output."
    ),
]
Force = Annotated[
    bool, typer.Option("--force", help="Replace files. Otherwise a new one gets a number: a-1.pdf.")
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
            help="A file, a URL that ConvertAPI can reach, an fsspec URL or a FileId. - is "
            "standard input. Several are converted one by one, side by side. For merge and zip "
            "they make one conversion.",
        ),
    ],
    to: Annotated[
        str,
        typer.Option(
            "--to",
            metavar="FORMAT",
            help="The target: pdf, jpg, merge, zip ...",
            autocompletion=completing.targets,
        ),
    ],
    from_format: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="FORMAT",
            help="The source's format, if its name has no suffix.",
            autocompletion=completing.sources,
        ),
    ] = None,
    out: Out = Path(),
    together: Annotated[
        bool | None,
        typer.Option(
            "--together/--each",
            help="Whether several sources make one conversion, or one each. Unless given, merge "
            "and zip take them together.",
        ),
    ] = None,
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
            help="An idempotency key: for 7 days the same key is the same conversion, paid once. "
            "With several conversions each source is a part of its own key.",
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
        bool, typer.Option("--no-wait", help="Enqueue only, and print the ids, one a line.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Convert documents: enqueue, show progress, fetch the results."""
    asked = {
        "from_format": from_format,
        "params": parse_params(params or ()),
        "metadata": metadata_from_pairs(metadata or ()),
        "deadline": None if deadline is None else parse_deadline(deadline),
        "semi_async_seconds": semi_async,
        "callback": {"url": callback, "events": callback_events} if callback else None,
        "keep": keep,
    }
    orders = orders_of(sources, to, together=together, key=idempotency_key)
    _check_sources(sources, from_format)
    if not no_wait:
        _check_out(out, len(orders), as_json=as_json)
    with connected() as conveyor:
        enqueue = partial(_enqueue, conveyor, to, asked)
        if len(orders) > 1:
            _convert_many(conveyor, orders, enqueue, out, timeout, force, no_wait)
            return
        handle = enqueue(orders[0])
        if no_wait:
            _print_id(handle.id, orders[0])
            return
        console.note(f"conversion {handle.id}", id=handle.id)
        _finish(conveyor, handle, out, timeout, sources=orders[0].sources, replace=force)


def wait(
    conversion_ids: Annotated[
        list[str],
        typer.Argument(metavar="ID", help="The conversions.", autocompletion=completing.ids),
    ],
    out: Out = Path(),
    timeout: Timeout = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Wait for conversions that were enqueued before, and fetch their results."""
    ids = [*dict.fromkeys(conversion_ids)]
    _check_out(out, len(ids), as_json=as_json)
    with connected() as conveyor:
        if len(ids) == 1:
            _finish(conveyor, conveyor.handle(ids[0]), out, timeout, sources=(), replace=force)
            return
        with bar_over(len(ids)) as bar:
            batch = Batch(conveyor, out, force, bar, len(ids), {each: (each,) for each in ids})
            batch.follow(timeout)
        batch.end()


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


def _check_sources(sources: Sequence[str], from_format: str | None) -> None:
    inputs = [*sources].count(standard.STANDARD)
    if inputs > 1:
        raise InvalidRequest("Standard input (-) is given twice. Give it once.")
    if inputs:
        standard.check_input(from_format)


def _check_out(out: Path, conversions: int, *, as_json: bool) -> None:
    """See whether results can be written: before anything is paid."""
    if not standard.is_standard(out):
        files.check_folder(out)
        return
    if conversions > 1:
        raise InvalidRequest(
            "Standard output takes one result, and these are several conversions. Choose a folder "
            "with --out, or convert one source."
        )
    if as_json:
        raise InvalidRequest("--json needs standard output. Choose a folder with --out.")
    standard.check_output()


def _enqueue(conveyor: Conveyor, to: str, asked: dict[str, Any], order: Order) -> Handle:
    staged = [
        standard.stage(conveyor, asked["from_format"])
        for source in order.sources
        if source == standard.STANDARD
    ]
    given: list[SourceInput] = [
        staged[0] if source == standard.STANDARD else source for source in order.sources
    ]
    try:
        return conveyor.convert(
            given if len(given) > 1 else given[0], to, idempotency_key=order.key, **asked
        )
    except InvalidRequest:
        conveyor.unstage(staged)
        raise


def _convert_many(  # noqa: PLR0917 - the command's own options
    conveyor: Conveyor,
    orders: Sequence[Order],
    enqueue: partial[Handle],
    out: Path,
    timeout: float | None,
    force: bool,
    no_wait: bool,
) -> None:
    with bar_over(len(orders)) as bar:
        batch = Batch(conveyor, out, force, bar, len(orders))
        batch.enqueue(orders, enqueue)
        if not no_wait:
            batch.follow(timeout)
    if no_wait:
        for conversion_id, sources in batch.running.items():
            _print_id(conversion_id, Order(sources))
        if batch.refused:
            raise typer.Exit(1 if batch.running else 2)
        return
    batch.end()


def _print_id(conversion_id: str, order: Order) -> None:
    if json_lines.is_wanted():
        json_lines.put({"id": conversion_id, "sources": list(order.sources)})
    else:
        typer.echo(conversion_id)


def _finish(
    conveyor: Conveyor,
    handle: Handle,
    out: Path,
    timeout: float | None,
    *,
    sources: Sequence[str],
    replace: bool,
) -> None:
    saved: list[Path] = []
    with goes_on(handle.id):
        conversion = follow(handle, console.stderr(), timeout)
        if json_lines.is_wanted() and conversion.failure is not None:
            json_lines.put(plain_of(conversion, sources, []))
        conversion.raise_if_failed()
        if standard.is_standard(out):
            standard.write(conversion, conveyor.storage)
            report.summary(conversion, console.stderr())
            return
        saved = files.fetch(conversion, conveyor.storage, out, replace=replace)
    if json_lines.is_wanted():
        json_lines.put(plain_of(conversion, sources, saved))
        return
    report.summary(conversion, console.stdout())
    for path in saved:
        console.say(console.stdout(), f"saved     {path}")
