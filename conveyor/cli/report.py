"""A conversion, printed in a few lines."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console
from rich.text import Text

from conveyor.cli.text import duration_text, one_line, size_text
from conveyor.domain.conversion import Conversion, Failure, State
from conveyor.domain.metadata import metadata_text

__all__ = ["summary"]

_STYLE = {
    State.SUCCEEDED: "bold green",
    State.FAILED: "bold red",
    State.EXPIRED: "bold red",
    State.CANCELLED: "bold yellow",
}


def summary(conversion: Conversion, console: Console) -> None:
    """Print state, cost, polls, times and files, or why there are none.

    Args:
        conversion: Ended or under way.
        console: The console to print on.
    """
    for label, value in _lines(conversion):
        style = _STYLE.get(conversion.state, "bold") if label == "state" else ""
        line = Text(f"{label:<10}").append(one_line(value), style=style)
        # A line that is broken by us can't be copied, nor read by a program.
        console.print(line, soft_wrap=True)


def _lines(conversion: Conversion) -> Iterator[tuple[str, str]]:
    yield "state", conversion.state.value
    yield "id", conversion.id
    yield "formats", f"{conversion.from_format} to {conversion.to_format}"
    if conversion.source_name:
        yield "source", conversion.source_name
    if conversion.metadata:
        yield "metadata", metadata_text(conversion.metadata)
    yield "cost", str(conversion.cost)
    yield "polls", str(conversion.polls)
    times = ", ".join(_times(conversion))
    if times:
        yield "time", times
    if conversion.failure is not None:
        yield from _failure_lines(conversion.failure)
    for file in conversion.files:
        yield "file", f"{file.name}  {size_text(file.size)}  sha256 {file.sha256[:12]}"
        yield "", file.uri


def _failure_lines(failure: Failure) -> Iterator[tuple[str, str]]:
    yield "class", failure.kind.value
    yield "reason", failure.reason.value
    yield "error", _error(failure)
    if failure.answer:
        yield "answered", failure.answer
    yield "customer", f"{failure.sentence()} {failure.advice()}"
    yield "remedy", ", ".join(failure.remedies)


def _times(conversion: Conversion) -> Iterator[str]:
    spans = (
        ("waited", conversion.created_at, conversion.submitted_at),
        ("converting", conversion.submitted_at, conversion.ready_at),
        ("delivered in", conversion.ready_at, conversion.finished_at),
        ("in all", conversion.created_at, conversion.finished_at),
    )
    for what, begin, end in spans:
        # A replayed entry may hold an end that lies before its new beginning.
        if begin is not None and end is not None and end >= begin:
            yield f"{what} {duration_text(end - begin)}"


def _error(failure: Failure) -> str:
    numbers = (("code", failure.code), ("HTTP", failure.status))
    shown = ", ".join(f"{name} {number}" for name, number in numbers if number)
    return f"{failure.message} ({shown})" if shown else failure.message
