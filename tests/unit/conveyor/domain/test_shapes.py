from __future__ import annotations

import json
from dataclasses import dataclass

import pytest

from conveyor.domain.shapes import (
    as_fields,
    known_fields,
    list_of,
    plain_of,
    record_of,
    text_of,
    texts_of,
    without_escapes,
)


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


@dataclass(frozen=True)
class _Record:
    name: str
    size: int | None
    tags: list[str]
    more: str = ""


PLAIN = {"name": "a.pdf", "size": 3, "tags": ["x"]}
RECORD = _Record("a.pdf", 3, ["x"])


def test_half_a_character_in_json_is_replaced_and_all_else_is_kept():
    assert plain_of(r'{"\ud800a": "\uD83D\uDE00 \udfff", "n": 1.5}') == {
        "?a": "\U0001f600 ?",
        "n": 1.5,
    }
    assert plain_of('["\u00e4", "\\u00e4"]') == ["\u00e4", "\u00e4"]


def test_fields_of_a_record_are_the_very_values_that_it_holds():
    fields = as_fields(RECORD)

    assert fields == {**PLAIN, "more": ""}
    assert fields["tags"] is RECORD.tags


def test_fields_that_a_later_release_has_added_are_left_out():
    assert known_fields(_Record, {**PLAIN, "pages": 3}) == PLAIN
    assert record_of(_Record, {**PLAIN, "pages": 3}) == RECORD


@pytest.mark.parametrize("size", [None, 3])
def test_field_may_be_of_each_of_its_types(size):
    assert record_of(_Record, {**PLAIN, "size": size}).size == size


@pytest.mark.parametrize(
    ("plain", "words"),
    [
        ([], "a record is an object"),
        (None, "a record is an object"),
        ({"name": "a.pdf"}, "size"),
        ({**PLAIN, "size": "3"}, "a field of a _Record is of another type"),
        ({**PLAIN, "size": True}, "a field of a _Record is of another type"),
        ({**PLAIN, "size": 3.0}, "a field of a _Record is of another type"),
        ({**PLAIN, "name": None}, "a field of a _Record is of another type"),
        ({**PLAIN, "tags": ("x",)}, "a field of a _Record is of another type"),
        ({**PLAIN, "more": 1}, "a field of a _Record is of another type"),
    ],
    ids=str,
)
def test_record_of_another_form_is_refused(plain, words):
    with pytest.raises(TypeError, match=words):
        record_of(_Record, plain)


@pytest.mark.parametrize(
    ("read", "value"), [(list_of, [1]), (text_of, "a"), (texts_of, {"a": "b"}), (texts_of, {})]
)
def test_value_of_the_wanted_form_is_taken_as_it_is(read, value):
    assert read(value) == value


@pytest.mark.parametrize(
    ("read", "value", "words"),
    [
        (list_of, (1,), "must be a list"),
        (list_of, "ab", "must be a list"),
        (text_of, None, "must be a text"),
        (text_of, b"a", "must be a text"),
        (texts_of, ["a"], "must be an object"),
        (texts_of, {"a": 1}, "must be a text"),
    ],
    ids=["tuple", "text", "nothing", "bytes", "list", "number"],
)
def test_value_of_another_form_is_refused(read, value, words):
    with pytest.raises(TypeError, match=words):
        read(value)
