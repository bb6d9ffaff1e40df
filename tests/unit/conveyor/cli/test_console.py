from __future__ import annotations

import io
import sys

import pytest
from rich.console import Console

from conveyor.cli import console as consoles
from conveyor.cli import json_lines
from conveyor.cli.bar import bar_over
from conveyor.cli.console import note, say, show_rows


def test_rows_are_lines_with_tabs_for_programs():
    console = Console(file=io.StringIO(), width=20)
    show_rows(console, ("id", "reason"), [("1", "a long reason in many words"), ("2", "x\ty\n")])
    assert console.file.getvalue() == "1\ta long reason in many words\n2\tx y\n"


def test_rows_are_a_table_for_people():
    console = Console(file=io.StringIO(), width=24, force_terminal=True, color_system=None)
    show_rows(console, ("id", "reason"), [("1", "a [red]reason[/red] in words")])
    lines = [line.rstrip() for line in console.file.getvalue().splitlines()]
    assert lines == ["id  reason", "1   a [red]reason[/red]", "    in words"]


def test_a_line_is_never_broken():
    console = Console(file=io.StringIO(), width=10)
    say(console, "one two three four five\x1b[0m")
    assert console.file.getvalue() == "one two three four five [0m\n"


@pytest.fixture
def terminal(monkeypatch):
    """Standard output and error are one terminal."""

    def sit_down(**variables):
        screen = Screen()
        monkeypatch.setattr(sys, "stdout", screen)
        monkeypatch.setattr(sys, "stderr", screen)
        for name in ("NO_COLOR", "FORCE_COLOR", "TERM"):
            monkeypatch.delenv(name, raising=False)
        for name, value in {"TERM": "xterm", **variables}.items():
            monkeypatch.setenv(name, value)
        return screen

    return sit_down


class Screen(io.StringIO):
    def isatty(self):
        return True


def test_terminal_gets_colours_and_a_bar(terminal):
    screen = terminal()
    say(consoles.stdout(), "done", "bold")
    with bar_over(2) as bar:
        bar.show("converting", 1.0)

    assert "\x1b[1mdone" in screen.getvalue()
    assert "━" in screen.getvalue()


def test_no_color_leaves_neither_escape_codes_nor_a_bar(terminal):
    screen = terminal(NO_COLOR="1")
    say(consoles.stdout(), "done", "bold")
    show_rows(consoles.stdout(), ("id", "reason"), [("1", "words")])
    with bar_over(2) as bar:
        bar.show("converting", 1.0)
        bar.say("saved")

    lines = [line.rstrip() for line in screen.getvalue().splitlines()]
    assert lines == ["done", "id  reason", "1   words", "saved"]


def test_pipe_gets_neither_escape_codes_nor_a_bar(monkeypatch):
    out = io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", out)
    say(consoles.stdout(), "done", "bold")
    with bar_over(2) as bar:
        bar.show("converting", 1.0)
        bar.say("saved")

    assert out.getvalue() == "done\nsaved\n"


def test_line_about_a_file_stays_on_standard_output_under_a_bar(terminal, monkeypatch):
    screen, out = terminal(), io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    with bar_over(2) as bar:
        bar.say("saved     a.pdf")

    assert out.getvalue() == "saved     a.pdf\n"
    assert "saved" not in screen.getvalue()


@pytest.mark.parametrize(
    ("arguments", "printed"),
    [([], "more\n"), (["list", "--json"], '{"note": "more", "next": "c"}\n')],
    ids=["person", "program"],
)
def test_note_is_a_line_or_an_object(monkeypatch, arguments, printed):
    err = io.StringIO()
    monkeypatch.setattr(sys, "stderr", err)
    with json_lines.asked_by(arguments):
        note("more", next="c")

    assert err.getvalue() == printed
