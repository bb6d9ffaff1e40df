"""``conveyor sandbox``: the command of the distribution ``convertapi-sandbox``."""

from __future__ import annotations

from typing import Any, Final

import typer

from conveyor.cli.failures import MissingExtra
from conveyor.installing import how_to_install

__all__ = ["OPTIONS", "sandbox"]

OPTIONS: Final[dict[str, Any]] = {
    # The sandbox reads its own options, `--help` among them.
    "context_settings": {"allow_extra_args": True, "ignore_unknown_options": True},
    "add_help_option": False,
}


def sandbox(context: typer.Context) -> None:
    """Run a local ConvertAPI that converts for real and costs nothing."""
    try:
        # Imported here: it may be missing, and its web server would slow down every other command.
        from convertapi_sandbox.cli import app  # noqa: PLC0415 - as the comment above says
    except ModuleNotFoundError as error:
        if str(error.name).startswith(("conveyor", "convertapi_sandbox.")):
            raise
        raise MissingExtra(
            f"the sandbox needs the package {error.name}. {how_to_install('sandbox')}"
        ) from None
    # Its usage errors become one line, as ours do.
    status = app(args=context.args, prog_name="conveyor sandbox", standalone_mode=False)
    raise typer.Exit(status or 0)
