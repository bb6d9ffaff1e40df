from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
        b"[" + b"[]," * 1_000_000,
        b'["' + b"[" * 4_000_000 + b'"]',
    ],
    ids=["escaped quotes", "backslashes", "many lists", "brackets in a text"],
)
def test_large_body_is_judged_in_one_go(body):
    """In time that grows with its length alone: the suite's time-out ends what does not."""
    assert Answer(200, body=body).json() is None
