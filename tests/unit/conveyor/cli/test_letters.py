from __future__ import annotations

import io
from dataclasses import replace
from uuid import uuid4

import pytest
from rich.console import Console

from conveyor.cli import console as consoles
from conveyor.cli.letters import show_letters
from conveyor.domain.conversion import Conversion, Failure, FailureKind, Reason, State

MESSAGE = "The job may have been started and paid. Check the account."


@pytest.fixture
def printed(monkeypatch):
    """Prints dead letters on a terminal of some width; None for a pipe."""

    def show(width, *letters):
        out = io.StringIO()
        is_terminal = width is not None
        console = Console(
            file=out, width=width or 80, force_terminal=is_terminal, color_system=None
        )
        monkeypatch.setattr(consoles, "stdout", lambda: console)
        show_letters(letters)
        return [line.rstrip() for line in out.getvalue().splitlines()]

    return show


def letter(reason, formats=("docx", "extract-images")):
    failure = Failure(FailureKind.POSSIBLY_PAID, MESSAGE, 5001, 500, reason=reason)
    return Conversion(
        str(uuid4()),
        State.FAILED,
        *formats,
        created_at=1.0,
        failure=failure,
        source_name="a.docx",
    )


@pytest.mark.parametrize("formats", [("docx", "pdf"), ("docx", "extract-images")], ids="-".join)
@pytest.mark.parametrize("reason", Reason)
def test_id_and_reason_of_a_dead_letter_are_kept_whole_at_80_columns(printed, reason, formats):
    dead = letter(reason, formats)
    header, row = printed(80, dead)

    assert {"id", "formats", "reason"} <= {*header.split()}
    assert row.split()[0] == dead.id
    assert reason.value in row.split()
    assert len(row) <= 80


def test_wide_terminal_shows_the_error_too(printed):
    header, row, *_ = printed(200, letter(Reason.POSSIBLY_PAID))

    assert header.split() == [
        *("id", "age", "source", "formats", "class", "reason", "code", "error")
    ]
    assert MESSAGE in row


def test_program_gets_every_column(printed):
    dead = letter(Reason.PASSWORD)
    (row,) = printed(None, dead)

    assert row.split("\t")[2:] == [
        "a.docx",
        "docx:extract-images",
        "possibly_paid",
        "password",
        "5001",
        MESSAGE,
    ]


def test_long_name_of_a_source_is_cut_on_a_terminal_and_whole_in_a_pipe(printed):
    dead = replace(letter(Reason.PASSWORD, ("docx", "pdf")), source_name="x" * 90 + "\n.docx")
    (row,) = printed(None, dead)
    _, on_a_terminal, *_ = printed(160, dead)

    assert row.split("\t")[2] == "x" * 90 + " .docx"
    assert "xxx…" in on_a_terminal
    assert dead.id in on_a_terminal
