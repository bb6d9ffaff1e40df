"""The library's reference: a section for each public name, filled in by mkdocstrings."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping
from dataclasses import is_dataclass
from enum import Enum
from typing import Any, Final

import conveyor
from docsite.markdown import code, sentence, table

__all__ = ["page"]

_HEAD: Final = """# Library

You import everything from `conveyor`. What you don't find on this page is private, and may change
with any release. Each blocking method has an async version with the prefix `a`.

"""
_SECTIONS: Final[Mapping[str, str]] = {
    "What you call": "",
    "Records": "Every record is frozen: you read its fields, and make none yourself.",
    "States and failures": "Each value is a string, so you can store it and compare it as one.",
    "Errors": "Every error is a `ConveyorError`. Its text says what failed, why, and what to do.",
}
_COMMENT: Final = re.compile(r"^\s*(\w+) = .*?#\s*(.+)$")


def page() -> str:
    """The page's Markdown."""
    return _HEAD + "\n".join(_section(title, text) for title, text in _SECTIONS.items())


def _section(title: str, text: str) -> str:
    names = [name for name in conveyor.__all__ if _title_of(getattr(conveyor, name)) == title]
    return "\n".join([f"## {title}\n", f"{text}\n", *map(_entry, names)])


def _title_of(public: Any) -> str:
    if issubclass(public, conveyor.ConveyorError):
        return "Errors"
    if issubclass(public, Enum):
        return "States and failures"
    return "Records" if is_dataclass(public) else "What you call"


def _entry(name: str) -> str:
    public = getattr(conveyor, name)
    where = f"::: conveyor.{name}\n"
    if not issubclass(public, Enum):
        return where
    return f"{where}    options:\n      members: false\n\n{_values(public)}"


def _values(public: type[Enum]) -> str:
    meanings = dict(_comments(public))
    rows = [
        (code(f"{public.__name__}.{each.name}"), code(each.value), sentence(meanings[each.name]))
        for each in public
    ]
    return table(("member", "value", "meaning"), rows)


def _comments(public: type[Enum]) -> Iterator[tuple[str, str]]:
    """What the source says of each member, behind it."""
    for line in inspect.getsource(public).splitlines():
        if match := _COMMENT.match(line):
            yield match[1], match[2]
