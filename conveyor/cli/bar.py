"""One bar over many conversions. Where there is no terminal there is none."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console
from rich.progress import BarColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Display

from conveyor.cli import console as consoles
from conveyor.cli import json_lines

__all__ = ["Bar", "bar_over"]


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar.

    Attributes:
        console: Where it is, and where lines go that are printed above it.
        display: rich's; None where there is none.
    """

    console: Console
    display: Display | None = None

    def show(self, what: str, done: float, detail: str = "") -> None:
        """Move it.

        Args:
            what: What goes on.
            done: How many conversions are done; parts of them count.
            detail: More in words.
        """
        if self.display is not None:
            task = self.display.task_ids[0]
            self.display.update(task, description=f"{what:<10}", completed=done, detail=detail)

    def say(self, text: str) -> None:
        """Print a line of the result on standard output, above the bar where both are on screen.

        Args:
            text: The line.
        """
        on_screen = self.display is not None and sys.stdout.isatty()
        consoles.say(self.console if on_screen else consoles.stdout(), text)


@contextmanager
def bar_over(total: int) -> Iterator[Bar]:
    """Show a bar on standard error until the end.

    Args:
        total: Over how many conversions.

    Yields:
        The bar.
    """
    console = consoles.stderr()
    if not console.is_interactive or json_lines.is_wanted():
        yield Bar(console)
        return
    display = Display(
        SpinnerColumn(finished_text=" "),
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        TextColumn("{task.fields[detail]}", markup=False),
        TimeElapsedColumn(),
        console=console,
        # Results that go elsewhere must not come on the screen.
        redirect_stdout=False,
        redirect_stderr=False,
    )
    with display:
        display.add_task("", total=total, detail="")
        yield Bar(console, display)
