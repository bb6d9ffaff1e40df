from __future__ import annotations

import re

import pytest

from tests.unit.docs import reading

_CELLS = re.compile(r"(?<!\\)\|")


def broken(line, heading):
    """Whether a line of a table is none of its rows: it was cut, or has more cells or fewer."""
    row = line.strip()
    is_whole = row.startswith("|") and row.endswith("|")
    return not is_whole or len(_CELLS.findall(row)) != len(_CELLS.findall(heading))


def tables(page):
    lines = (reading.ROOT / page).read_text(encoding="utf-8").splitlines()
    for token in reading.tokens(page):
        if token.type == "table_open":
            yield lines[slice(*token.map)]


@pytest.mark.parametrize("page", reading.PAGES)
def test_every_line_of_a_table_is_a_row_of_it(page):
    assert [line for table in tables(page) for line in table if broken(line, table[0])] == []


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("| a | b |", False),
        (r"| a \| b | c |", False),
        ("time-out |", True),
        ("| a | b", True),
        ("| a |", True),
    ],
)
def test_a_line_that_is_no_row_is_seen(line, found):
    assert broken(line, "| x | y |") is found
