from __future__ import annotations

import json
import re
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conveyor.convertapi.cleaning import clean_text
from conveyor.convertapi.scrubbing import _LIKE_ASCII, Scrubber

UUID_TEXT = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"
BARE = UUID_TEXT.replace("-", "")
OTHER = "aa1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"
TOKEN = "s3cr3t/with+odd=characters"
WILD = st.text(st.characters(codec=None), max_size=30)


@pytest.mark.parametrize(
    "quoted",
    [
        UUID_TEXT,
        UUID_TEXT.upper(),
        BARE,
        BARE.upper(),
        f"{{{UUID_TEXT}}}",
        str(UUID(BARE).urn),
        TOKEN,
        TOKEN.upper(),
        "s3cr3t%2Fwith%2Bodd%3Dcharacters",
        "s3cr3t%2fwith%2bodd%3dcharacters",
    ],
)
@pytest.mark.parametrize("known", [UUID_TEXT, BARE])
def test_secret_is_found_however_it_is_written(quoted, known):
    cleaned = Scrubber([known, TOKEN]).text(f"about {quoted}: no", 1000)

    assert "about" in cleaned
    assert quoted not in cleaned
    assert BARE[:8] not in cleaned.lower()
    assert "s3cr3t" not in cleaned.lower()


def test_secret_behind_the_cut_is_not_halved():
    assert "s3cr3t" not in Scrubber([TOKEN]).text("x" * 995 + TOKEN, 1000)
    assert "s3cr3t" not in Scrubber([TOKEN]).text((TOKEN * 10_000)[:-3], 1000)


def test_urls_are_redacted():
    scrubber = Scrubber([])

    assert scrubber.text("at https://x.example/hush?hush", 1000) == "at https://x.example/…"


def test_short_words_are_not_secrets():
    assert Scrubber(["", "a", "abc"]).text("a b c abc", 1000) == "a b c abc"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | WILD,
    lambda inner: st.lists(inner) | st.dictionaries(WILD, inner),
    max_leaves=10,
)


@given(st.dictionaries(WILD, JSON, max_size=25))
def test_any_fields_become_ones_that_can_be_kept(fields):
    cleaned = Scrubber([TOKEN]).fields(fields)

    assert len(cleaned) <= 20
    json.dumps(cleaned, allow_nan=False, ensure_ascii=False).encode()


def test_deep_fields_are_cut():
    deep = {}
    for _ in range(900):
        deep = {"a": deep}

    assert len(json.dumps(Scrubber([]).fields({"deep": deep}))) < 100


def test_secret_is_hidden_however_its_letters_are_written():
    """A pattern that minds no case takes four letters of other scripts for ASCII ones."""
    texts = ["SECRETIK", "\u017fecretik", "secret\u0130k", "secret\u0131k", "secreti\u212a"]
    scrubber = Scrubber(["secretik"])

    assert [scrubber.text(f"a {text} ü", 100) for text in texts] == ["a … ü"] * 5


@given(
    st.text("kKsSiIaA\u0130\u0131\u017f\u212a-ü", max_size=12), st.sampled_from(["kisa", "KÜsa"])
)
def test_text_is_hidden_wherever_the_pattern_would_find_a_secret(text, secret):
    scrubber = Scrubber([secret])
    found = scrubber._pattern.search(text) is not None

    assert (scrubber.name(text) != clean_text(text, 255)) is found


def test_every_character_that_counts_as_an_ascii_letter_is_known():
    everything = "".join(map(chr, range(0xD800))) + "".join(map(chr, range(0xE000, 0x110000)))
    taken = set(re.findall("[a-z0-9]", everything, re.IGNORECASE))
    odd = {letter for letter in taken if not letter.isascii()}

    assert {letter.translate(_LIKE_ASCII) for letter in odd} <= set("isk")


def test_text_is_read_up_to_64_ki_characters_and_a_longer_one_loses_what_a_secret_may_end_in():
    scrubber, whole = Scrubber([]), "x" * 64 * 1024

    assert scrubber.text(whole, 10**6) == whole
    assert scrubber.text(f"{whole}x", 10**6) == whole[:-4096]


def test_twenty_fields_are_kept():
    fields = {str(number): number for number in range(25)}

    assert Scrubber([]).fields(fields) == {str(number): number for number in range(20)}


@pytest.mark.parametrize(("size", "is_kept"), [(998, True), (999, False), (5000, False)])
def test_field_of_a_thousand_characters_as_json_is_kept(size, is_kept):
    assert Scrubber([]).fields({"a": "x" * size}) == ({"a": "x" * size} if is_kept else {})


def test_name_of_a_field_is_cleaned_and_cut():
    fields = {f"{TOKEN}\n{'k' * 300}": 1}
    name = f"… {'k' * 252}…"

    assert Scrubber([TOKEN]).fields(fields) == {name: 1}
    assert Scrubber([TOKEN]).tree(fields) == {name: 1}


def _nested(depth, kind, core):
    for _ in range(depth):
        core = [core] if kind is list else {"a": core}
    return core


@pytest.mark.parametrize("kind", [list, dict])
def test_five_levels_are_kept_and_of_a_sixth_its_place_alone(kind):
    five = _nested(5, kind, 1)

    assert Scrubber([]).tree(five) == five
    assert Scrubber([]).tree(_nested(5, kind, None)) == _nested(5, kind, None)
    assert Scrubber([]).tree(_nested(6, kind, 1)) == _nested(5, kind, "…")


@pytest.mark.parametrize(
    ("value", "cleaned"),
    [
        *((True, True), (False, False), (None, None), (0, 0), (-7, -7), (1.5, 1.5), ("a", "a")),
        *((2**53, 2**53), (2**53 + 1, 2**53), (-(2**53), -(2**53)), (-(2**60), -(2**53))),
        *((float("inf"), None), (float("nan"), None), ([], []), ({}, {})),
        ("x" * 1001, "x" * 999 + "…"),
        (list(range(150)), list(range(100))),
        ({str(n): n for n in range(150)}, {str(n): n for n in range(100)}),
    ],
    ids=lambda value: str(value)[:20],
)
def test_value_of_an_answer_is_bounded(value, cleaned):
    found = Scrubber([]).tree(value)

    assert (found, type(found)) == (cleaned, type(cleaned))


@pytest.mark.parametrize(
    ("secret", "text", "hidden"),
    [
        ("abc", "abc", "abc"),
        ("abcd", "abcd", "…"),
        ("a-b-", "ab a-b-", "ab …"),
        ("a/bc", "a/bc a%2Fbc a%2fbc", "… … …"),
        ("\ud800abc", "%3Fabc abc", "… abc"),
        (OTHER, f"{OTHER} {OTHER.replace('-', '')}", "… …"),
        (OTHER[:-1] + "1", f"{OTHER[:-1]}1 {OTHER.replace('-', '')[:-1]}1", "… …"),
        (BARE[:-1] + "1", f"{UUID_TEXT[:-1]}1 {BARE[:-1]}1", "… …"),
        (BARE[:-1], f"{UUID_TEXT[:-1]} {BARE[:-1]}", f"{UUID_TEXT[:-1]} …"),
        (f"{BARE[:-1]}x", f"{UUID_TEXT[:-1]}x {BARE[:-1]}x", f"{UUID_TEXT[:-1]}x …"),
    ],
    ids=ascii,
)
def test_secret_is_hidden_in_its_forms_of_four_characters_and_more(secret, text, hidden):
    assert Scrubber([secret]).text(text, 1000) == hidden


def test_longer_one_of_two_secrets_is_hidden_whole():
    assert Scrubber(["abcd", "ABCDEF", "Abcde"]).text("abcdefg abcdx", 100) == "…g …x"
