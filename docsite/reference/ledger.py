"""The ledger's reference: every Redis key, and what every script takes and answers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from itertools import takewhile
from typing import Final

from conveyor.ledger import keys, scripts
from docsite.markdown import code, sentence, table

__all__ = ["Key", "Script", "keys_of", "page", "scripts_of"]

_HEAD: Final = """# Ledger

The ledger is all that Conveyor keeps in Redis. Read it when you want to know what is true, and
change it through the library alone: the scripts below check each transition before they write.

"""
_ROW: Final = re.compile(r"^``(\S+)`` +(\w+) +(.+)$")
_BEGINS_WITH: Final = re.compile(r"^begins with (\w+\.lua)$")
_WIDTH: Final = re.compile(r"^=+ +=+ +=+$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Key:
    """A Redis key.

    Attributes:
        name: With the parts that vary in angle brackets.
        type: Redis' type.
        meaning: What it holds, and for how long.
    """

    name: str
    type: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Script:
    """A script as its top describes it.

    Attributes:
        name: Its file's.
        purpose: What it does, as Markdown.
        begins_with: The files that Redis gets before it, in their order.
        interface: KEYS, ARGV and what it returns, as it states them. Empty for a beginning.
    """

    name: str
    purpose: str
    begins_with: tuple[str, ...]
    interface: str


def page() -> str:
    """The page's Markdown."""
    rows = [(code(key.name), key.type, sentence(key.meaning)) for key in keys_of()]
    parts = [_HEAD, "## Keys\n", table(("key", "type", "meaning"), rows), "## Scripts\n"]
    return "\n".join(parts + [_section(script) for script in scripts_of()])


def keys_of() -> Iterator[Key]:
    """The table at the top of `conveyor.ledger.keys`."""
    lines = _WIDTH.split(keys.__doc__ or "")[1].strip("\n").splitlines()
    joined: list[str] = []
    for line in lines:
        if line.startswith("``"):
            joined.append(line)
        else:
            joined[-1] += f" {line.strip()}"
    for name, kind, meaning in (match.groups() for line in joined if (match := _ROW.match(line))):
        yield Key(name, kind, meaning.replace("``", "`"))


def scripts_of() -> Iterator[Script]:
    """The scripts, by name, each with what its top says."""
    for file in sorted(resources.files(scripts).iterdir(), key=lambda file: file.name):
        if file.name.endswith(".lua"):
            yield _script(file.name, _top(file.read_text(encoding="utf-8")))


def _top(text: str) -> list[str]:
    """The comment that the file begins with."""
    lines = takewhile(lambda line: line.startswith("--"), text.splitlines())
    return [line.removeprefix("--").removeprefix(" ") for line in lines]


def _script(name: str, top: list[str]) -> Script:
    beginnings = [match[1] for line in top if (match := _BEGINS_WITH.match(line))]
    lines = [line for line in top if not _BEGINS_WITH.match(line)]
    start = next((at for at, line in enumerate(lines) if line.startswith("KEYS[")), len(lines))
    end = next((at for at in range(start, len(lines)) if not lines[at]), len(lines))
    return Script(
        name,
        purpose=_prose([*lines[:start], "", *lines[end:]]),
        begins_with=tuple(beginnings),
        interface="\n".join(lines[start:end]),
    )


def _prose(lines: list[str]) -> str:
    parts = "\n".join(lines).split("\n\n")
    texts = (" ".join(part.split()) for part in parts)
    return "\n\n".join(text for text in texts if text)


def _section(script: Script) -> str:
    parts = [f"### {script.name}\n", f"{script.purpose}\n"]
    if script.begins_with:
        names = ", ".join(code(name) for name in script.begins_with)
        parts.append(f"Redis runs it with these before it: {names}.\n")
    if script.interface:
        parts.append(f"```text\n{script.interface}\n```\n")
    return "\n".join(parts)
