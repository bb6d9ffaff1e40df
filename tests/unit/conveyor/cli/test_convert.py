from __future__ import annotations

import pytest

from conveyor.cli.convert import parse_params
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
