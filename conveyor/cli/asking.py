"""Questions before what can't be taken back."""

from __future__ import annotations

import sys

import typer

from conveyor.cli import console
from conveyor.errors import InvalidRequest

__all__ = ["confirm"]


def confirm(question: str, *, yes: bool) -> None:
    """Ask the user to confirm an action that can't be undone.

    Args:
        question: With a question mark.
        yes: Whether the answer was given beforehand.

    Raises:
        InvalidRequest: Nobody is there to be asked.
        Exit: The answer is no.
    """
    if yes:
        console.note(question.replace("?", ".", 1))
        return
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise InvalidRequest(
            f"{question} There is no terminal to ask on. Add --yes to confirm. Nothing was changed."
        )
    if not typer.confirm(question, err=True):
        console.note("Nothing was changed.")
        raise typer.Exit(1)
