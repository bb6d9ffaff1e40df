"""What of a table a terminal has room for."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from conveyor.cli import account, callback_rows, doctor, fleet_rows, letters, listing, live
from conveyor.cli.console import show_rows
from conveyor.cli.tables import Column

LONG = "a text that is much longer than a terminal of eighty columns is wide, by some words"
ID = "0b54a1c2-3d4e-4f50-8a61-72839405a6b7"


def printed(columns, rows, width):
    console = Console(file=io.StringIO(), width=width, force_terminal=True, color_system=None)
    show_rows(console, columns, rows)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def test_column_of_the_highest_rank_is_left_out_first():
    columns = (Column("a"), Column("b", rank=1), Column("c", rank=2))
    row = ("1" * 10, "2" * 10, "3" * 10)

    assert printed(columns, [row], 34)[0].split() == ["a", "b", "c"]
    assert printed(columns, [row], 33)[0].split() == ["a", "b"]
    assert printed(columns, [row], 21)[0].split() == ["a"]


def test_column_that_may_be_cut_is_cut_before_another_is_left_out():
    columns = (Column("a", least=4), Column("b", rank=1))

    assert printed(columns, [("1" * 10, "2" * 10)], 16)[1] == "111…  2222222222"


def test_last_column_that_folds_keeps_every_word():
    lines = printed((Column("a"), Column("b", least=20, folds=True)), [("1", LONG)], 40)

    assert " ".join(" ".join(lines[1:]).split()) == f"1 {LONG}"


def test_id_is_whole_where_the_terminal_is_narrower_than_it():
    lines = printed((Column("id"), Column("more", rank=1)), [(ID, LONG)], 20)

    assert lines[1] == ID


def test_pipe_gets_every_column_whole():
    console = Console(file=io.StringIO(), width=20)
    show_rows(console, (Column("id"), Column("more", rank=1, least=2)), [(ID, LONG)])

    assert console.file.getvalue() == f"{ID}\t{LONG}\n"


# What a reader acts on, in each table: it stays at 80 columns, whatever the rest is.
TABLES = {
    "list": (
        listing._COLUMNS,
        {"id": ID, "state": "converting", "reason": "conversion_failed", "age": "59 min"},
    ),
    "callbacks": (
        callback_rows._COLUMNS,
        {"conversion": ID, "status": "received", "reason": "address_refused"},
    ),
    "dead": (letters._COLUMNS, {"id": ID, "reason": "conversion_failed", "formats": "docx:pdf"}),
    "account": (account._HEADER, {"account": "eu-v2.convertapi.com", "state": "held"}),
    "doctor": (doctor._HEADER, {"state": "FAILED", "part": "neighbours"}),
    "live": (live._HEADER, {"verdict": "could not tell"}),
    "status": (fleet_rows.COLUMNS, {"part": "conversions", "what": ID}),
}


@pytest.mark.parametrize("name", TABLES)
def test_what_a_reader_acts_on_is_whole_at_80_columns(name):
    columns, kept = TABLES[name]
    row = [kept.get(column.name, LONG if column.least else "some words") for column in columns]
    lines = printed(columns, [row], 80)

    assert max(map(len, lines)) <= 80
    acted_on = [kept[column.name] for column in columns if column.name in kept and not column.rank]
    assert [text for text in acted_on if text not in lines[1]] == []


@pytest.mark.parametrize("name", ["account", "doctor", "live", "status"])
def test_reason_in_the_last_column_is_whole_at_80_columns(name):
    columns, kept = TABLES[name]
    row = [kept.get(column.name, LONG if column.folds else "some words") for column in columns]
    first, *_ = lines = printed(columns, [row], 80)
    begin = first.index(columns[-1].name)

    assert " ".join(" ".join(line[begin:] for line in lines[1:]).split()) == LONG
