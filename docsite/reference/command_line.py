"""The command line's reference, from the commands themselves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import typer.main

from convertapi_sandbox.cli import app as sandbox
from conveyor.cli.app import app
from docsite.markdown import code, sentence, table

__all__ = ["commands", "page"]

_HEAD: Final = """# Command line

`conveyor COMMAND --help` shows you the same.
"""


def page() -> str:
    """The page's Markdown."""
    return "\n".join([_HEAD, *(_section(words, command) for words, command in commands())])


def commands() -> Iterator[tuple[str, Any]]:
    """Every command, by the words that call it. The sandbox reads its own options."""
    found = dict(_below("conveyor", typer.main.get_command(app)))
    yield from (found | {"conveyor sandbox": typer.main.get_command(sandbox)}).items()


def _below(words: str, command: Any) -> Iterator[tuple[str, Any]]:
    yield words, command
    for name, inner in getattr(command, "commands", {}).items():
        yield from _below(f"{words} {name}", inner)


def _section(words: str, command: Any) -> str:
    context = command.make_context(words, [], resilient_parsing=True)
    usage = " ".join(command.get_usage(context).split()).removeprefix("Usage: ")
    parts = [f"## {words}\n", f"{_flowing(command.help or '')}\n", f"```text\n{usage}\n```\n"]
    rows = [_row(each) for each in command.params if not getattr(each, "hidden", False)]
    return "\n".join(parts + ([table(("option", "meaning", "default"), rows)] if rows else []))


def _flowing(text: str) -> str:
    return "\n\n".join(" ".join(part.split()) for part in text.split("\n\n"))


def _row(parameter: Any) -> tuple[str, str, str]:
    is_argument = parameter.param_type_name == "argument"
    names = "" if is_argument else ", ".join(parameter.opts + parameter.secondary_opts)
    shown = " ".join(filter(None, (names, parameter.metavar)))
    return (
        code(shown or parameter.name.upper()),
        sentence(parameter.help or ""),
        _default(parameter),
    )


def _default(parameter: Any) -> str:
    if parameter.required:
        return "*required*"
    default = parameter.default
    is_nothing = default is None or default is False or default == ""
    return "" if is_nothing or callable(default) else code(str(default))
