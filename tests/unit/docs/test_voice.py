"""The documents as a whole speak to their reader, in plain sentences."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tests.unit.docs import reading

MOST_SEMICOLONS = 2  # a hundred sentences
LEAST_YOU = 12  # a thousand words
PAGES = [page for page in reading.PAGES if page != "CHANGELOG.md"]


@dataclass(frozen=True)
class Voice:
    """What was counted."""

    words: int
    sentences: int
    semicolons: int
    you: int

    @classmethod
    def of(cls, texts):
        prose = [text for text in texts if re.search("[A-Za-z]{2}", text)]
        joined = "\n".join(prose)
        return cls(
            words=len(re.findall(r"[A-Za-z']+", joined)),
            # A heading or a cell is one, too.
            sentences=sum(len(re.findall(r"[.!?](?=\s|$)", text)) or 1 for text in prose),
            semicolons=joined.count(";"),
            you=len(re.findall(r"\byou(?:r|rs|rself)?\b", joined, re.IGNORECASE)),
        )


def texts(page):
    """The paragraphs, headings and cells of a page, without code."""
    for token in reading.tokens(page):
        if token.type == "inline":
            kinds = {"text": "content", "softbreak": None}
            yield "".join(
                each.content if kinds[each.type] else " "
                for each in token.children
                if each.type in kinds
            )


def test_the_documents_have_few_semicolons_and_speak_to_their_reader():
    voice = Voice.of(text for page in PAGES for text in texts(page))

    assert voice.words > 10_000
    assert voice.semicolons * 100 / voice.sentences <= MOST_SEMICOLONS, voice
    assert voice.you * 1000 / voice.words >= LEAST_YOU, voice


def test_a_voice_is_counted():
    found = Voice.of(["You wait; it ends. Your file is there!", "A heading", "2.00; 1.00"])

    assert found == Voice(words=10, sentences=3, semicolons=1, you=2)
