"""``conveyor completion``: the script by which a shell completes our words."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final

import typer
from typer.completion import get_completion_script  # type: ignore[attr-defined] # it is there

from conveyor.cli import json_lines
from conveyor.cli.options import AsJson

__all__ = ["VARIABLE", "Shell", "completion"]

VARIABLE: Final = "_CONVEYOR_COMPLETE"
"""The environment variable by which a shell asks: Typer makes its name of the program's."""


class Shell(StrEnum):
    """The shells that are served."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def completion(
    shell: Annotated[Shell, typer.Argument(metavar="SHELL", help="bash, zsh or fish.")],
    as_json: AsJson = False,
) -> None:
    """Print the script that lets your shell complete commands, options, formats and ids.

    bash and zsh: source <(conveyor completion bash). fish: conveyor completion fish | source.
    """
    script = get_completion_script(prog_name="conveyor", complete_var=VARIABLE, shell=shell.value)
    if as_json:
        json_lines.put({"shell": shell.value, "script": script})
    else:
        typer.echo(script)
