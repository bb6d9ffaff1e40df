from __future__ import annotations

import pytest

from docsite.markdown import code, sentence, table


def test_a_table_keeps_each_row_in_one_line_and_each_bar_in_its_cell():
    assert table(("a", "b"), [("x\ny", "p|q")]) == "| a | b |\n| --- | --- |\n| x y | p\\|q |\n"


@pytest.mark.parametrize(
    ("text", "found"),
    [("what it is", "What it is."), ("Is it?", "Is it?"), ("", ""), ("two\n  lines", "Two lines.")],
)
def test_a_description_becomes_a_sentence(text, found):
    assert sentence(text) == found


@pytest.mark.parametrize(("name", "found"), [("a", "`a`"), ("", "")])
def test_a_name_becomes_code_and_no_name_stays_nothing(name, found):
    assert code(name) == found
