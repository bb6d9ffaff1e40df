"""Faults that change nothing that anybody could see, each with its reason.

They are known by the text of their lines, so that they stay known where code moves.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from mutants.fault import Fault

__all__ = ["Equivalent", "Equivalents"]


@dataclass(frozen=True, slots=True)
class Equivalent:
    """A fault that nobody could see.

    Attributes:
        file: The name of its file, without the folder.
        diff: The changed lines, each after ``- `` or ``+ ``.
        reason: Why nobody could see it.
    """

    file: str
    diff: tuple[str, ...]
    reason: str = field(compare=False)


class Equivalents:
    """The list of them.

    Args:
        listed: What stands in it.
    """

    def __init__(self, listed: tuple[Equivalent, ...] = ()) -> None:
        self._listed = listed

    @classmethod
    def read(cls, path: Path) -> Equivalents:
        """Read a list.

        Args:
            path: The list. In each paragraph stand a reason after ``# ``, the file's name, and the
                changed lines.

        Raises:
            ValueError: A paragraph has no reason, no file, or no line.
        """
        return cls(tuple(_parsed(path.read_text())) if path.is_file() else ())

    def reason(self, fault: Fault, text: str) -> str | None:
        """Say why nobody could see a fault; None for one that is not listed.

        Args:
            fault: The fault.
            text: The text of its file.
        """
        diff, name = fault.diff(text), PurePosixPath(fault.path).name
        for each in self._listed:
            if each.file == name and each.diff == diff:
                return each.reason
        return None


def _parsed(text: str) -> Iterator[Equivalent]:
    for paragraph in text.strip().split("\n\n"):
        lines = [line.strip() for line in paragraph.splitlines() if line.strip()]
        reason = " ".join(line[1:].strip() for line in lines if line.startswith("#"))
        diff = tuple(line for line in lines if line.startswith(("- ", "+ ")))
        rest = [line for line in lines if not line.startswith(("#", "- ", "+ "))]
        if len(rest) == 0 and not diff:
            continue  # words about the list itself
        if not reason or len(rest) != 1 or not diff:
            raise ValueError(f"give a reason, a file's name, and the changed lines: {paragraph}")
        yield Equivalent(rest[0], diff, reason)
