"""File names are data: whatever comes is made safe."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conveyor.storage import safe_name, unique_names


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("report.pdf", "report.pdf"),
        ("Bericht ä.pdf", "Bericht ä.pdf"),
        ("../../etc/passwd", "passwd"),
        ("..\\..\\boot.ini", "boot.ini"),
        ("/etc/passwd", "passwd"),
        ("C:\\a.pdf", "a.pdf"),
        ("a\0b\nc.pdf", "a_b_c.pdf"),
        ('a<b>:"|?*.pdf', "a_b______.pdf"),
        (".", "file"),
        ("..", "file"),
        ("...", "file"),
        ("", "file"),
        ("///", "file"),
        (" .hidden. ", "hidden"),
        ("a" * 300 + ".pdf", "a" * 196 + ".pdf"),
        ("ä" * 150 + ".pdf", "ä" * 98 + ".pdf"),
        ("\ud800.pdf", "_.pdf"),
        ("About C#", "About C_"),
        ("a#b[1].pdf", "a#b[1].pdf"),
    ],
    ids=ascii,
)
def test_a_name_is_data(name, safe):
    assert safe_name(name) == safe


# Anything that JSON can carry, lone surrogates among it, and what is hostile more often.
HOSTILE = st.text(st.characters() | st.sampled_from("./\\\0\n:ä\ud800 "), max_size=300)


@given(HOSTILE)
def test_any_name_is_made_safe(name):
    safe = safe_name(name)

    assert safe
    assert not set(safe) & set('/\\\0\n<>:"|?*')
    assert safe not in (".", "..")
    assert not safe.startswith(".")
    assert len(safe.encode()) <= 200
    assert unicodedata.is_normalized("NFC", safe)


@given(HOSTILE)
def test_a_safe_name_stays_as_it_is(name):
    assert safe_name(safe_name(name)) == safe_name(name)


@pytest.mark.parametrize(
    ("names", "unique"),
    [
        (["a.png", "b.png"], ["a.png", "b.png"]),
        (["a.png", "a.png", "a.png"], ["a.png", "a-1.png", "a-2.png"]),
        (["a.png", "A.PNG"], ["a.png", "A-1.PNG"]),
        (["x/a.png", "y/a.png"], ["a.png", "a-1.png"]),
        (["a.png", "a.png", "a-1.png"], ["a.png", "a-1.png", "a-1-1.png"]),
        (["", ""], ["file", "file-1"]),
        ([], []),
    ],
    ids=str,
)
def test_clashing_names_are_made_different(names, unique):
    assert unique_names(names) == unique


@given(st.lists(HOSTILE | st.sampled_from(["a", "A", "a-1", "a.pdf", "a-1.pdf"]), max_size=8))
def test_no_two_names_are_the_same(names):
    unique = unique_names(names)

    assert len({name.lower() for name in unique}) == len(unique) == len(names)
