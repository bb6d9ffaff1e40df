"""The application: every command, and the one place where errors become exit statuses."""

from __future__ import annotations

import sys
from io import TextIOWrapper
from typing import Annotated

import typer

from conveyor import __version__
from conveyor.cli import (
    account,
    callbacks,
    cancel,
    capacity,
    convert,
    dead,
    delete,
    doctor,
    look,
    sandbox,
    storage,
)
from conveyor.cli.failures import explain
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
app.command("get")(look.get)
app.command("wait")(convert.wait)
app.command("cancel")(cancel.cancel)
app.command("delete")(delete.delete)
app.add_typer(dead.app, name="dead")
app.add_typer(callbacks.app, name="callbacks")
app.add_typer(account.app, name="account")
app.add_typer(storage.app, name="storage")
app.command("doctor")(doctor.doctor)
app.command("capacity")(capacity.capacity)
app.command("sandbox", **sandbox.OPTIONS)(sandbox.sandbox)


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
    try:
        app(prog_name="conveyor")
    except Exception as error:  # noqa: BLE001 - here every error becomes one line
        explained = explain(error)
        sys.stderr.write(f"error: {explained.line}\n")
        sys.exit(explained.status)
