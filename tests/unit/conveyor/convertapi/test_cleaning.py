from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conveyor.convertapi.cleaning import clean_identifier, clean_text, clean_whole

UUID_TEXT = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"
BARE = UUID_TEXT.replace("-", "")
WILD = st.text(st.characters(codec=None))


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("words", "words"),
        ("a\ud83db", "a\ufffdb"),
        ("a\x00b\x1bc\x7fd\x85e", "a b c d e"),
        ("a\r\nb", "a  b"),
        ("\u202egnp.exe", "gnp.exe"),
        ("x" * 10, "x" * 10),
        ("x" * 11, "x" * 9 + "…"),
        ("", ""),
    ],
    ids=ascii,
)
def test_text_is_cleaned(text, cleaned):
    assert clean_text(text, 10) == cleaned


@given(WILD, st.integers(1, 50))
def test_cleaned_text_can_be_sent_and_kept(text, most):
    cleaned = clean_text(text, most)

    assert len(cleaned) <= most
    assert json.loads(json.dumps(cleaned)).encode().decode() == cleaned


@pytest.mark.parametrize(
    ("value", "whole"),
    [
        *((7, 7), (0, 0), (-1, 0), (10**20, 100), (7.9, 7), (-0.5, 0), (1e300, 100)),
        *((float("nan"), None), (float("inf"), None), (True, None), (None, None), ([], None)),
        *(("7", 7), (" 7 ", 7), ("7.0", 7), ("+7", 7), ("-7", 0), ("9" * 300, 100)),
        *(("", None), ("seven", None), ("1e5", None), ("9" * 5000, None), ("\u0667", 7)),
    ],
    ids=lambda value: ascii(value)[:30],
)
def test_number_lies_within_its_bounds(value, whole):
    assert clean_whole(value, 100) == whole


@pytest.mark.parametrize(
    ("value", "identifier"),
    [
        *((BARE, BARE), (UUID_TEXT, UUID_TEXT), ("a_b-1", "a_b-1"), (12345, "12345")),
        *((-5, "0"), (10**30, f"1{'0' * 18}"), ("x" * 128, "x" * 128)),
        *(("", ""), ("../../user", ""), ("a/b", ""), ("a b", ""), (".", ""), ("-a", ""), ("é", "")),
        *(("a\n", ""), ("x" * 129, ""), (None, ""), (True, ""), ([BARE], ""), ({}, "")),
    ],
    ids=lambda value: ascii(value)[:30],
)
def test_identifier_can_stand_in_a_path(value, identifier):
    assert clean_identifier(value) == identifier
