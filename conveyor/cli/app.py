"""The application: every command, and the one place where errors become exit statuses."""

from __future__ import annotations

import sys
from io import TextIOWrapper
from typing import Annotated, NoReturn

import typer

from conveyor import __version__
from conveyor.cli import (
    account,
    callbacks,
    cancel,
    capacity,
    completing,
    completion,
    convert,
    dead,
    delete,
    doctor,
    fleet,
    formats,
    json_lines,
    listing,
    look,
    sandbox,
    storage,
    usage,
)
from conveyor.cli.failures import INTERRUPTED, Explanation, explain, tell
from conveyor.cli.processes import PROCESSES
from conveyor.cli.processes import run as run_process

__all__ = ["app", "run"]

app = typer.Typer(
    name="conveyor",
    help="ConvertAPI conversions through a queue: paid once, none lost.",
    no_args_is_help=True,
    add_completion=False,
    # Errors are one line, and a traceback may hold a secret.
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("convert")(convert.convert)
app.command("wait")(convert.wait)
app.command("get")(look.get)
app.command("list")(listing.list_conversions)
app.command("cancel")(cancel.cancel)
app.command("delete")(delete.delete)
app.command("status")(fleet.status)
app.command("formats")(formats.formats)
app.add_typer(dead.app, name="dead")
app.add_typer(callbacks.app, name="callbacks")
app.add_typer(account.app, name="account")
app.add_typer(storage.app, name="storage")
app.command("doctor")(doctor.doctor)
app.command("capacity")(capacity.capacity)
app.command("sandbox", **sandbox.OPTIONS)(sandbox.sandbox)
app.command("completion")(completion.completion)


def _run_process(context: typer.Context) -> None:
    run_process(str(context.info_name), context.args)


for name, process in PROCESSES.items():
    # As the sandbox, each reads its own options.
    app.command(name, help=process.help, **sandbox.OPTIONS)(_run_process)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"conveyor {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option("--version", help="Show the version.", callback=_print_version, is_eager=True),
    ] = False,
) -> None:
    """ConvertAPI conversions through a queue: paid once, none lost."""


def run() -> None:
    """Run the command line; ends the process with its exit status."""
    if isinstance(sys.stdout, TextIOWrapper):
        # A document's name must not end the report on it where the locale lacks a letter.
        sys.stdout.reconfigure(errors="backslashreplace")
    completing.prepare()
    with json_lines.asked_by(sys.argv[1:]):
        _run()


def _run() -> NoReturn:
    try:
        status = app(prog_name="conveyor", standalone_mode=False)
    except typer.Abort:
        # Ctrl-C, or no more input, where a question was asked.
        tell(Explanation("interrupted. Nothing was changed.", INTERRUPTED))
        sys.exit(INTERRUPTED)
    except Exception as error:  # noqa: BLE001 - here every error becomes one line
        if usage.is_help(error):
            sys.stderr.write(f"{error}\n")
            sys.exit(2)
        explained = explain(error)
        tell(explained)
        sys.exit(explained.status)
    sys.exit(status or 0)
