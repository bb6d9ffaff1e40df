"""One small fault: a piece of a file's text, and what stands there instead."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["Fault", "Scope"]


@dataclass(frozen=True, slots=True)
class Scope:
    """Where in a file the tests that can see a fault have been.

    Attributes:
        lines: The numbers of the lines that a test must have run.
        names: Names of the module's that a line sets while it is imported. Whoever uses them sees
            the fault, too. Nothing, for a line inside a function.
    """

    lines: frozenset[int]
    names: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Fault:
    """One small change of one file.

    Attributes:
        path: The file's, from the root of the tree.
        start: Where the piece begins, in characters.
        end: Where it ends.
        new: What stands there instead.
        what: The kind of fault.
        scope: Where a test must have been.
    """

    path: str
    start: int
    end: int
    new: str
    what: str
    scope: Scope

    def apply(self, text: str) -> str:
        """Put the fault in.

        Args:
            text: The file's text.

        Returns:
            The text with the fault.
        """
        return f"{text[: self.start]}{self.new}{text[self.end :]}"

    def line(self, text: str) -> int:
        """Count the line on which the fault begins, from 1."""
        return text.count("\n", 0, self.start) + 1

    def diff(self, text: str) -> tuple[str, ...]:
        """Show the changed lines, without their indentation.

        Args:
            text: The file's text.

        Returns:
            Each line after ``- `` or ``+ ``.
        """
        first = text.rfind("\n", 0, self.start) + 1
        after = text.find("\n", self.end)
        last = len(text) if after < 0 else after
        old = text[first:last]
        new = f"{text[first : self.start]}{self.new}{text[self.end : last]}"
        return (*_marked("-", old), *_marked("+", new))


def _marked(mark: str, lines: str) -> Iterable[str]:
    return (f"{mark} {line.strip()}" for line in lines.splitlines() if line.strip())
