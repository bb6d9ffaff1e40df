"""File names are data: whatever comes is made safe."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conveyor.storage.names import (
    as_on_disk,
    folder_name,
    safe_name,
    staged_tokens,
    unique_names,
)


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


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("a" * 200, "a" * 200),
        ("a" * 201, "a" * 200),
        ("a" * 196 + ".pdf", "a" * 196 + ".pdf"),
        ("ä" * 100, "ä" * 100),
        ("ä" * 101, "ä" * 100),
        ("a" * 300 + "." + "b" * 19, "a" * 180 + "." + "b" * 19),
        ("a" * 300 + "." + "b" * 20, "a" * 180 + "." + "b" * 19),
        ("(" + "a" * 169 + "." + "b" * 29, "(" + "a" * 169 + "." + "b" * 29),
        ("a" * 300 + ".ääääääääää", "a" * 179 + ".ääääääääää"),
        ("_" * 3 + " .-b", "___ .-b"),
        ("a ", "a"),
        (" a", "a"),
    ],
    ids=ascii,
)
def test_name_is_cut_at_200_bytes_and_keeps_its_suffix(name, safe):
    assert safe_name(name) == safe


# -- folders ----------------------------------------------------------------------------------


@pytest.mark.parametrize("plain", ["c1", "0f8fad5b-d9cb-469f-a165-70867728950e", "order 7_ä"])
def test_id_that_is_a_safe_name_is_its_folder(plain):
    assert folder_name(plain) == plain


@pytest.mark.parametrize(
    ("odd", "folder"),
    [
        ("a/b", "b-c14cddc033f64b9d"),
        ("../b", "b-95cd90691029e024"),
        ("", "file-e3b0c44298fc1c14"),
        ("\ud800", "_-8a8de823d5ed3e12"),
    ],
    ids=ascii,
)
def test_other_id_has_a_folder_that_no_other_has(odd, folder):
    assert folder_name(odd) == folder


# -- what was staged --------------------------------------------------------------------------

TOKEN = "0123456789abcdef" * 2


@pytest.mark.parametrize(
    ("uri", "storage", "tokens"),
    [
        (f"s3://b/in/staged/{TOKEN}/a.docx", None, [TOKEN]),
        (f"s3://b/in/staged/{TOKEN}/a.docx", "s3://b/in", [TOKEN]),
        (f"s3://b/in/staged/{TOKEN}/a\n..docx", "s3://b/in", [TOKEN]),
        (f"s3://b/in/staged/{TOKEN}/...", "s3://b/in", [TOKEN]),
        (f"s3://b/in/staged/{TOKEN}/a.docx", "s3://b", []),
        (f"s3://b/in/staged/{TOKEN}/", None, []),
        (f"s3://b/in/staged/{TOKEN}/..", None, []),
        (f"s3://b/in/staged/{TOKEN}/.", None, []),
        (f"s3://b/in/staged/{TOKEN}/a/b", None, []),
        (f"s3://b/in/staged/{TOKEN[1:]}/a", None, []),
        (f"s3://b/in/staged/{TOKEN.upper()}/a", None, []),
        (f"/staged/{TOKEN}/a", None, []),
    ],
    ids=ascii,
)
def test_token_of_a_staged_source_is_its_folder(uri, storage, tokens):
    assert staged_tokens([uri], storage) == tokens


def test_tokens_come_in_the_order_of_the_sources():
    tokens = [digit * 32 for digit in "210"]

    assert staged_tokens(f"s3://b/staged/{token}/a" for token in tokens) == tokens
    assert staged_tokens(f"s3://b/staged/{token}/a" for token in tokens) == tokens


# -- accents on disk --------------------------------------------------------------------------

FORMS = {form: unicodedata.normalize(form, "Büro Ä") for form in ("NFC", "NFD")}


@pytest.mark.parametrize("asked", [("NFC", "NFC"), ("NFC", "NFD"), ("NFD", "NFC"), ("NFD", "NFD")])
@pytest.mark.parametrize("there", [("NFC", "NFC"), ("NFC", "NFD"), ("NFD", "NFC"), ("NFD", "NFD")])
def test_each_part_of_a_path_is_found_in_its_own_form(tmp_path, asked, there):
    path = tmp_path / "ascii" / FORMS[there[0]] / FORMS[there[1]]
    path.parent.mkdir(parents=True)
    path.write_bytes(b"words")

    assert as_on_disk(tmp_path / "ascii" / FORMS[asked[0]] / FORMS[asked[1]]) == path


@pytest.mark.parametrize("name", ["gone.docx", FORMS["NFC"], FORMS["NFD"]], ids=ascii)
def test_path_that_is_not_there_in_any_form_stays_as_it_is(tmp_path, name):
    (tmp_path / "other").write_bytes(b"words")

    assert as_on_disk(tmp_path / name) == tmp_path / name
    assert as_on_disk(tmp_path / name / "a") == tmp_path / name / "a"


def test_relative_path_is_found_in_its_form(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path(FORMS["NFD"]).write_bytes(b"words")

    assert as_on_disk(Path(FORMS["NFC"])) == Path(FORMS["NFD"])
