from __future__ import annotations

import pytest

from web.disposition import attachment
from web.upload_names import file_name_of


def test_a_plain_name_stands_as_it_is():
    assert attachment("a b.pdf") == 'attachment; filename="a b.pdf"'


@pytest.mark.parametrize(
    ("name", "fallback"),
    [
        ("Übung.pdf", "Ubung.pdf"),
        ("报告.pdf", "__.pdf"),
        ('a"b.pdf', "a_b.pdf"),
        ("100%.pdf", "100_.pdf"),
        ("€", "_"),
        ("", "file"),
    ],
)
def test_any_other_name_is_told_twice(name, fallback):
    header = attachment(name)

    assert header.isascii()
    assert f'filename="{fallback}"' in header
    assert "filename*=UTF-8''" in header


@pytest.mark.parametrize(
    "name", ["Übung 1.pdf", "报告.pdf", "Ü;y='z'.pdf", "a\r\nSet-Cookie: b.pdf", "a%20b", 'a"b']
)
def test_a_name_can_be_read_back_and_ends_no_line(name):
    header = attachment(name)

    assert header.isprintable()
    assert file_name_of(header) == name
