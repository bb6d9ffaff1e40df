from __future__ import annotations

from datetime import UTC, datetime

import pytest

from conveyor.cli.convert import parse_deadline, parse_params
from conveyor.errors import InvalidRequest


def test_parameters_are_split_at_the_first_equals_sign():
    assert parse_params(["PageRange=1-3", "Password=a=b", "Empty="]) == {
        "PageRange": "1-3",
        "Password": "a=b",
        "Empty": "",
    }


@pytest.mark.parametrize("text", ["opensesame", "=opensesame"])
def test_invalid_pair_is_refused_and_not_shown(text):
    with pytest.raises(InvalidRequest, match="NAME=VALUE") as refused:
        parse_params([text])
    assert "opensesame" not in str(refused.value)


def test_a_name_given_twice_is_refused():
    with pytest.raises(InvalidRequest, match="PageRange is given twice"):
        parse_params(["PageRange=1", "PageRange=2"])


@pytest.mark.parametrize(
    ("text", "deadline"),
    [
        ("90", 90.0),
        ("2h", 7200.0),
        ("2026-11-26T18:00:00Z", datetime(2026, 11, 26, 18, tzinfo=UTC)),
        ("2026-11-26T18:00+01:00", datetime(2026, 11, 26, 17, tzinfo=UTC)),
    ],
)
def test_deadline_is_a_span_or_a_time(text, deadline):
    assert parse_deadline(text) == deadline


@pytest.mark.parametrize("text", ["soon", "", "2h30", "2026-13-01T00:00Z"])
def test_deadline_that_is_neither_is_refused(text):
    with pytest.raises(InvalidRequest, match="deadline"):
        parse_deadline(text)
