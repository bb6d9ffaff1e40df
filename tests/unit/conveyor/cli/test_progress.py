from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import replace

import pytest
from rich.console import Console

from conveyor.cli import progress as module
from conveyor.cli.progress import follow
from conveyor.domain.conversion import Conversion, State
from conveyor.domain.progress import Progress
from conveyor.errors import AccountHeld, WaitTimeout


class FakeHandle:
    """Is as far as the script says; the last line stays."""

    id = "some-id"

    def __init__(self, script: Iterable[Progress]) -> None:
        self._script = list(script)

    def progress(self) -> Progress:
        return self._script.pop(0) if len(self._script) > 1 else self._script[0]

    def get(self) -> Conversion:
        return Conversion(self.id, self._script[0].state, "docx", "pdf")


def at(state: State, elapsed_s: float, polls: int = 0, note: str = "") -> Progress:
    fraction = 1.0 if state is State.SUCCEEDED else None
    return Progress(state, polls, elapsed_s, None, fraction, note)


SCRIPT = (
    at(State.QUEUED, 0.0),
    at(State.CONVERTING, 0.1),
    at(State.CONVERTING, 5.2, 1),
    at(State.CONVERTING, 10.3, 2, "ConvertAPI was busy"),
    at(State.READY, 15.0, 3),
    at(State.SUCCEEDED, 15.4, 3),
)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    monkeypatch.setattr(module, "_LOOK_EVERY_S", 0.001)


def test_each_change_is_a_line_where_there_is_no_terminal():
    console = Console(file=io.StringIO())
    conversion = follow(FakeHandle(SCRIPT), console)
    assert conversion.state is State.SUCCEEDED
    assert console.file.getvalue().splitlines() == [
        "queued      0.0 s  0 polls",
        "converting  0.1 s  0 polls",
        "converting  10.3 s  2 polls  ConvertAPI was busy",
        "ready       15.0 s  3 polls",
        "succeeded   15.4 s  3 polls",
    ]


def test_one_that_takes_longer_than_usual_is_said_to_once():
    late = replace(at(State.CONVERTING, 20.0, 3), late=True)
    script = (at(State.CONVERTING, 8.0, 1), late, replace(late, elapsed_s=21.0), SCRIPT[-1])
    console = Console(file=io.StringIO())
    follow(FakeHandle(script), console)

    assert console.file.getvalue().splitlines() == [
        "converting  8.0 s  1 poll",
        "converting  20.0 s  3 polls  taking longer than usual",
        "succeeded   15.4 s  3 polls",
    ]


def test_a_bad_end_is_returned_too():
    handle = FakeHandle([at(State.QUEUED, 0.0), at(State.FAILED, 1.0)])
    assert follow(handle, Console(file=io.StringIO())).state is State.FAILED


def test_one_line_lives_on_a_terminal():
    console = Console(file=io.StringIO(), force_terminal=True, width=100)
    follow(FakeHandle(SCRIPT), console)
    shown = console.file.getvalue()
    assert "succeeded" in shown
    assert "15.4 s  3 polls" in shown


def test_patience_ends_and_the_conversion_does_not():
    handle = FakeHandle([at(State.CONVERTING, 1.0)])
    with pytest.raises(WaitTimeout, match="conveyor wait some-id"):
        follow(handle, Console(file=io.StringIO()), timeout=0.01)


def test_no_patience_still_is_one_look():
    handle = FakeHandle([at(State.SUCCEEDED, 1.0)])
    assert follow(handle, Console(file=io.StringIO()), timeout=0).state is State.SUCCEEDED


def test_an_account_on_hold_ends_the_looking_on_and_not_the_conversion():
    note = "the account is on hold: The balance is used up."
    handle = FakeHandle(
        [at(State.QUEUED, 0.0), replace(at(State.QUEUED, 1.0, note=note), held=True)]
    )
    with pytest.raises(
        AccountHeld, match=r"used up\. Once that is repaired, run: conveyor wait some-id"
    ):
        follow(handle, Console(file=io.StringIO()))
