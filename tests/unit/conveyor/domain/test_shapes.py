from __future__ import annotations

import json

import pytest

from conveyor.domain.shapes import without_escapes


@pytest.mark.parametrize(
    "text", ["", "words", '"', "\\", '\\"', "\\\\", 'a\\"b', 'a\\\\"b\\', '\\\\\\"', "\n\t\u00e4"]
)
def test_quotes_that_are_left_begin_and_end_strings(text):
    written = json.dumps([text, {text: text}])

    assert without_escapes(written).count('"') == 6
    assert without_escapes(written.encode()).count(b'"') == 6


@pytest.mark.parametrize("text", ["", "\\", '"', '\\"', '"\\', "[{\\"])
def test_text_that_is_not_json_is_only_shortened(text):
    assert without_escapes(text) == without_escapes(text.encode()).decode()
    assert len(without_escapes(text)) <= len(text)
