from __future__ import annotations

import io

from rich.console import Console

from conveyor.cli.console import say, show_rows


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
