"""Looking on while a conversion runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.progress import BarColumn, SpinnerColumn, TextColumn
from rich.progress import Progress as Display

from conveyor.cli import json_lines
from conveyor.cli.console import say
from conveyor.cli.failures import StillConverting
from conveyor.cli.text import count, duration_text, one_line
from conveyor.domain.conversion import Conversion, State
from conveyor.domain.progress import Progress
from conveyor.errors import AccountHeld

if TYPE_CHECKING:
    from conveyor.handle import Handle

__all__ = ["follow"]

_LOOK_EVERY_S: Final = 0.1
_GROWTH: Final = 1.2
_LOOK_AT_LEAST_EVERY_S: Final = 1.0

Show = Callable[[Progress], None]


def follow(handle: Handle, console: Console, timeout: float | None = None) -> Conversion:
    """Show how far a conversion is until it ends.

    On a terminal one line lives; elsewhere each change is a line. With ``--json`` there is nothing.

    Args:
        handle: Which conversion.
        console: Where to show it.
        timeout: Seconds; None looks on for ever.

    Returns:
        The conversion at its end, be it good or bad.

    Raises:
        StillConverting: It is still under way; it goes on.
        AccountHeld: It waits until the account is repaired.
        UnknownConversion: The conversion is unknown or was forgotten.
        LedgerUnavailable: Redis can't be reached.
    """
    with _display(console) as show:
        for progress in _looks(handle, timeout):
            show(progress)
    return handle.get()


def _display(console: Console) -> AbstractContextManager[Show]:
    if json_lines.is_wanted():
        return nullcontext(lambda _: None)
    return _live(console) if console.is_interactive else _lines(console)


def _looks(handle: Handle, timeout: float | None) -> Iterator[Progress]:
    begun = time.monotonic()
    pause_s = _LOOK_EVERY_S
    while True:
        progress = handle.progress()
        yield progress
        if progress.state.is_final:
            return
        if progress.held:
            raise AccountHeld(
                f"The conversion waits, and nothing is lost: {progress.note} Once that is "
                f"repaired, run: conveyor wait {handle.id}"
            )
        if timeout is not None:
            left_s = begun + timeout - time.monotonic()
            if left_s <= 0:
                raise StillConverting(
                    f"The conversion {handle.id} is still {progress.state} after {timeout:g} s. "
                    f"It keeps running. To wait again, run: conveyor wait {handle.id}",
                    [handle.id],
                )
            pause_s = min(pause_s, left_s)
        time.sleep(pause_s)
        pause_s = min(pause_s * _GROWTH, _LOOK_AT_LEAST_EVERY_S)


@contextmanager
def _live(console: Console) -> Iterator[Show]:
    display = Display(
        SpinnerColumn(finished_text=" "),
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        TextColumn("{task.fields[detail]}", markup=False),
        console=console,
    )
    with display:
        task = display.add_task(State.QUEUED, total=None, detail="")

        def show(progress: Progress) -> None:
            """Move the bar."""
            # By hand: `update` reads None as "unchanged", and here it means a bar without end.
            display.tasks[0].total = None if progress.fraction is None else 1.0
            display.update(
                task,
                description=f"{progress.state:<10}",
                completed=progress.fraction or 0.0,
                detail=_detail(progress),
            )
            if progress.state.is_final:
                display.stop_task(task)

        yield show


@contextmanager
def _lines(console: Console) -> Iterator[Show]:
    said: tuple[str, str, bool] | None = None

    def show(progress: Progress) -> None:
        """Print a line if there is any news."""
        nonlocal said
        # Not the elapsed time: it changes without anything having happened.
        if said != (progress.state, progress.note, progress.late):
            said = (progress.state, progress.note, progress.late)
            say(console, f"{progress.state:<10}  {_detail(progress)}")

    yield show


def _detail(progress: Progress) -> str:
    parts = (
        duration_text(progress.elapsed_s),
        count(progress.polls, "poll"),
        "taking longer than usual" if progress.late else "",
        one_line(progress.note),
    )
    return "  ".join(filter(None, parts))
