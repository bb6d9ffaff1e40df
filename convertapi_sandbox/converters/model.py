"""What a converter is: formats, parameters, and a function from files to files."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from convertapi_sandbox.files import StoredFile

__all__ = ["Converter", "Output", "Parameter", "Takes", "Task"]


class Takes(Enum):
    """Under which parameters a converter finds what it converts; the first name is the usual."""

    FILE = ("File", "Url")
    FILES = ("Files", "File")
    URL = ("Url",)
    PAIR = ("File", "CompareFile")  # one of each

    @property
    def names(self) -> tuple[str, ...]:
        """The parameters' names."""
        names: tuple[str, ...] = self.value
        return names


@dataclass(frozen=True)
class Parameter:
    """A parameter of a converter.

    Args:
        name: As documented; clients may vary the case.
        read: Turns the text into a value, or raises ValueError with what is wrong.
        default: The value where none is given.
    """

    name: str
    read: Callable[[str], object]
    default: object


@dataclass(frozen=True, kw_only=True)
class Task:
    """One run of a converter.

    Args:
        source_format: What the sources are.
        target_format: What is wanted.
        sources: The files to convert; at least one.
        options: Values of the converter's parameters by name.
        folder: An empty directory for whatever the run writes.
        timeout_s: Bound of the run.
    """

    source_format: str
    target_format: str
    sources: Sequence[StoredFile]
    options: Mapping[str, Any]
    folder: Path
    timeout_s: float

    @property
    def source(self) -> StoredFile:
        """The file to convert, where there is one only."""
        return self.sources[0]


@dataclass(frozen=True)
class Output:
    """A file that a converter made.

    Args:
        path: Within the task's folder; its suffix becomes the result's.
        label: What follows the stem in the result's name, such as `-2` for a second page.
    """

    path: Path
    label: str = ""


@dataclass(frozen=True, kw_only=True)
class Converter:
    """A family of conversions.

    Args:
        pairs: Source and target formats, each pair one conversion.
        run: Does the work in a thread; raises ApiError if the conversion fails.
        parameters: Declared parameters beside the common ones.
        takes: Where the sources are found.
        uses_names: Whether the result depends on the sources' names.
    """

    pairs: frozenset[tuple[str, str]]
    run: Callable[[Task], Sequence[Output]]
    parameters: tuple[Parameter, ...] = ()
    takes: Takes = Takes.FILE
    uses_names: bool = False
