"""The catalogues: each reason has its words in each language, and they are for an end user."""

from __future__ import annotations

import json
import re

import pytest

from conveyor.reasons import Reason, Remedy
from conveyor.sentences import language_for, languages, text_of
from local_stack.environment import ROOT

FOLDER = ROOT / "conveyor" / "catalogues"
TEXTS = {path.stem: json.loads(path.read_text("utf-8")) for path in FOLDER.glob("*.json")}
PARTS = ("sentence", "advice")
EVERY = [
    pytest.param(texts[reason][part], id=f"{language}-{reason}-{part}")
    for language, texts in TEXTS.items()
    for reason in texts
    for part in PARTS
]

# What an end user does not know, and must not learn from us.
OURS = re.compile(
    r"convert ?api|conveyor|redis|valkey|celery|broker|worker|ledger|queue|server|storage|bucket|"
    r"account|konto|balance|guthaben|credential|zugangsdaten|secret|geheimnis|token|api|job|poll|"
    r"webhook|timeout|parameter|metadata|dead letter|replay|http|url|traceback|fileid|error|fehler|"
    r"service|dienst",
    re.IGNORECASE,
)
# `possibly_paid`, `CONVEYOR_…`, `ClassName`, `name()`, {placeholder}, 5003.
CODE = re.compile(r"[_{}<>`()]|[a-z][A-Z]|\d|\b[A-Z]{3,}\b")


def test_there_are_english_and_german():
    assert languages() == ("de", "en") == tuple(sorted(TEXTS))


@pytest.mark.parametrize("language", TEXTS)
def test_a_catalogue_has_the_texts_of_every_reason_in_the_enums_order(language):
    assert list(TEXTS[language]) == [reason.value for reason in Reason]
    assert {tuple(texts) for texts in TEXTS[language].values()} == {PARTS}


@pytest.mark.parametrize("text", EVERY)
def test_a_text_is_one_short_sentence(text):
    assert re.fullmatch(r"[A-ZÄÖÜ][^.!?;:]+\.", text)
    assert len(text) <= 140


@pytest.mark.parametrize("text", EVERY)
def test_a_text_names_no_secret_no_class_no_code_and_nothing_of_ours(text):
    assert OURS.findall(text) == []
    assert CODE.findall(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "ConvertAPI refused it.",
        "The workers are away.",
        "See code 5003.",
        "FailureKind says so.",
        "It is possibly_paid.",
        "Set API first.",
    ],
)
def test_a_text_for_an_operator_is_seen(text):
    assert OURS.search(text) or CODE.search(text)


@pytest.mark.parametrize("language", TEXTS)
def test_reasons_that_an_end_user_can_tell_apart_have_sentences_of_their_own(language):
    """Why the account does not work is the operator's matter."""
    sentences = {
        reason: texts["sentence"]
        for reason, texts in TEXTS[language].items()
        if reason != "no_balance"
    }

    assert len(set(sentences.values())) == len(sentences)


@pytest.mark.parametrize(
    ("wanted", "language"),
    [
        ("en", "en"),
        ("de", "de"),
        ("DE", "de"),
        ("de-AT", "de"),
        ("de_CH", "de"),
        ("fr", "en"),
        ("", "en"),
        ("*", "en"),
        ("de-AT,de;q=0.9,en;q=0.8", "de"),
        ("en-GB, de;q=0.8", "en"),
        ("fr, de;q=0.5, en;q=0.3", "de"),
        ("en;q=0.2, de;q=0.9", "de"),
        ("de;q=0, en;q=0.1", "en"),
        ("de;q=0", "en"),
        ("de, en", "de"),
        ("de;q=x, en", "en"),
        ("de;Q = 0.5 , en; q=0.1", "en"),
        ("german", "en"),
        ("de\n", "de"),
        ("../de", "en"),
        ("\ud800", "en"),
        (",".join(["fr"] * 100_000) + ",de", "en"),
    ],
    ids=lambda text: ascii(text)[:40],
)
def test_the_language_that_fits_best_is_chosen(wanted, language):
    assert language_for(wanted) == language


def test_a_text_is_in_the_language_that_was_asked_for():
    assert text_of("empty", "sentence", "de-DE") == "Diese Datei ist leer."
    assert Reason.EMPTY.sentence("de") == "Diese Datei ist leer."
    assert Reason.EMPTY.sentence() == "This file is empty."
    assert Reason.EMPTY.advice("de") == "Wählen Sie eine Datei mit Inhalt."
    assert Reason.EMPTY.advice("xx") == "Choose a file with content."


def test_every_remedy_is_one_of_some_reason():
    assert {remedy for reason in Reason for remedy in reason.remedies} == set(Remedy)
