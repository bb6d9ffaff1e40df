"""A command line that can't be read, in one line: what is wrong, what was meant, where to look.

Typer's own errors are two lines of usage before the error, in words that differ by its release.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import get_close_matches
from traceback import walk_tb
from typing import Any, Final

__all__ = ["is_help", "is_usage", "sentence"]

_VALIDATION: Final = re.compile(r"Input should be (.*?)(?:, unable .*)?", re.DOTALL)
_COMMAND: Final = re.compile(r"No such command '(.*?)'", re.DOTALL)
_EXTRA: Final = re.compile(r"Got unexpected extra argument(?:\(s\)|s)? \((.*)\)", re.DOTALL)


def is_usage(error: Exception) -> bool:
    """Whether the words that were typed are no command line of ours.

    Args:
        error: Anything that was raised.
    """
    # By its name: Typer moves the class about, and a worker explains errors without Typer.
    return any(kind.__name__ == "UsageError" for kind in type(error).__mro__)


def is_help(error: Exception) -> bool:
    """Whether a group of commands was called without one, so that its help is shown.

    Args:
        error: Anything that was raised.
    """
    return type(error).__name__ == "NoArgsIsHelpError"


def sentence(error: Any) -> str:
    """Say what is wrong with a command line, and what shows how it is written.

    Args:
        error: For which `is_usage` is true.
    """
    return f"{_what(error)} See: {_path(error)} --help"


def _path(error: Any) -> str:
    """Which command it is about. The parser's own errors don't say it: it is where they arose."""
    frames = (frame.f_locals for frame, _ in walk_tb(error.__traceback__))
    contexts = [error.ctx, *(names.get("ctx") for names in frames)]
    paths = [str(each.command_path) for each in contexts if hasattr(each, "command_path")]
    return paths[0] if error.ctx is not None else ["conveyor", *paths][-1]


def _what(error: Any) -> str:
    match type(error).__name__:
        case "NoSuchOption":
            meant = _meant(error.option_name, error.possibilities or ())
            return f"There is no option {error.option_name}.{meant}"
        case "MissingParameter":
            return f"{_name(error)} is missing."
        case "BadParameter":
            return f"{_name(error)} is wrong: {_demand(error.message)}"
    return _other(error)


def _other(error: Any) -> str:
    message = str(error.format_message())
    unknown, extra = _COMMAND.match(message), _EXTRA.fullmatch(message)
    if unknown:
        meant = _meant(unknown[1], [*getattr(error.ctx.command, "commands", ())])
        return f"There is no command {unknown[1]!r}.{meant}"
    if extra:
        return f"There are more arguments than the command takes: {extra[1]}."
    return message if message.endswith(".") else f"{message}."


def _meant(typed: str, known: Sequence[str]) -> str:
    close = get_close_matches(typed, known, 1)
    return f" Did you mean {close[0]}?" if close else ""


def _name(error: Any) -> str:
    parameter = error.param
    if parameter is None:
        return "A value"
    if parameter.param_type_name == "option":
        return str(parameter.opts[0])
    return str(parameter.metavar or parameter.name.upper())


def _demand(message: str) -> str:
    """What a value must be, without pydantic's reasons."""
    found = _VALIDATION.fullmatch(message)
    return f"it must be {found[1]}." if found else f"{_trimmed(message)}."


def _trimmed(message: str) -> str:
    return message.removeprefix("Value error, ").rstrip(".")
