from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conveyor.convertapi import answer as answers
from conveyor.convertapi.answer import Answer


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b'{"a": 1}', {"a": 1}),
        (b'\xef\xbb\xbf{"a": 1}', {"a": 1}),
        (' {"a": "ä"}'.encode("utf-16"), {"a": "ä"}),
        (b'{"a": "\xff"}', {"a": "\ufffd"}),
        (b'{"a": %s}' % (b"9" * 10_000), {"a": float("inf")}),
        (b'{"a": NaN}', {"a": None}),
        (b'{"a": 1} x', None),
        (b"[1]", None),
        (b"null", None),
        (b'"text"', None),
        (b"", None),
        (b"[" * 100_000, None),
        (b'{"a":' * 100_000, None),
        (b"%PDF", None),
    ],
    ids=lambda value: str(value)[:30],
)
def test_body_as_a_json_object(body, value):
    assert Answer(200, body=body).json() == value


@given(
    st.integers(100, 999),
    st.dictionaries(
        st.sampled_from(["Content-Type", "Content-Disposition", "Retry-After", "Date"]), st.text()
    ),
    st.binary(),
)
def test_any_head_and_body_are_read_without_raising(status, headers, body):
    answer = Answer.read(status, headers, body)

    answer.json()
    assert answer.retry_after_s is None or 0 <= answer.retry_after_s <= 3600


@pytest.mark.parametrize(
    "body",
    [
        b'{"' + b'\\"' * 2_000_000,
        b'{"' + b"\\" * 4_000_000,
        b"[" + b"[]," * 150_000,
        b'["' + b"[" * 4_000_000 + b'"]',
    ],
    ids=["escaped quotes", "backslashes", "many lists", "brackets in a text"],
)
def test_large_body_is_judged_in_one_go(body):
    """In time that grows with its length alone: the suite's time-out ends what does not."""
    assert Answer(200, body=body).json() is None


def _nested(depth, kind, core):
    opening, closing = {list: ("[", "]"), dict: ('{"a":', "}")}[kind]
    return opening * depth + core + closing * depth


@pytest.mark.parametrize("kind", [list, dict])
@pytest.mark.parametrize(
    ("core", "depth", "is_read"),
    [
        ("1", 64, True),
        ("1", 65, False),
        # More than 64 of them, and none deeper than 64.
        ('[[], {}, "[[", [], {}]', 62, True),
        ('[[], {}, "[[", [], {}, [1]]', 63, False),
        # What has closed again makes nothing less deep.
        (f"[{'[], ' * 20}{_nested(20, list, '1')}]", 44, False),
        (f"[{'{}, ' * 20}{_nested(20, dict, '1')}]", 44, False),
        (f"[{'[], ' * 20}{_nested(18, list, '1')}]", 44, True),
        (f"[{'{}, ' * 20}{_nested(18, dict, '1')}]", 44, True),
    ],
)
def test_json_is_read_to_a_depth_of_64(kind, core, depth, is_read):
    text = _nested(depth, kind, core)
    value = Answer(200, body=text.encode()).value

    assert value == json.loads(text) if is_read else value.is_whole


def test_json_of_as_many_containers_as_may_be_is_read(monkeypatch):
    monkeypatch.setattr(answers, "_MOST_CONTAINERS", 100)
    at_most, more = (f"[{', '.join(['[]'] * number)}]".encode() for number in (99, 100))

    assert Answer(200, body=at_most).value == [[]] * 99
    assert Answer(200, body=more).value.is_whole


@pytest.mark.parametrize("body", [b"", b"%PDF", b'{"a"', b"{]", b"true"])
def test_body_that_is_no_json_is_not_whole(body):
    assert not Answer(200, body=body).value.is_whole


@pytest.mark.parametrize(("spaces", "value"), [(63, {}), (64, None)])
def test_json_begins_within_64_bytes(spaces, value):
    assert Answer(200, body=b" " * spaces + b"{}").json() == value


@pytest.mark.parametrize(("digits", "value"), [(299, 10**299 - 1), (300, float("inf"))])
def test_number_of_300_digits_is_infinite(digits, value):
    assert Answer(200, body=b'{"a": %s}' % (b"9" * digits)).json() == {"a": value}


def test_answer_is_read_from_its_head_and_body():
    head = {
        "Content-Type": " Text/HTML ; charset=utf-8",
        "Content-Disposition": "attachment; filename=a.pdf",
        "Retry-After": "7",
    }

    assert Answer.read(503, head, b"words") == Answer(503, "text/html", "a.pdf", b"words", 7.0)
    assert Answer.read(200, {}, b"") == Answer(200)
    assert Answer(200, body="ü".encode()).text == "ü"
