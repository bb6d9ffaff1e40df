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
TOKEN = "s3cr3t/with+odd=characters"
WILD = st.text(st.characters(codec=None))


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
    max_leaves=20,
)


@given(st.dictionaries(WILD, JSON))
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
