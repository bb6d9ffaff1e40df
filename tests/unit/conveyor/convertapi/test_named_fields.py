"""Fields by names that the service may write in any case."""

from __future__ import annotations

import pytest

from conveyor.convertapi.named_fields import field_of, has_field


@pytest.mark.parametrize(
    ("body", "value", "is_there"),
    [
        ({"Files": 1}, 1, True),
        ({"files": 1}, 1, True),
        ({"FILES": 1, "Files": 2}, 2, True),
        ({"Other": 0, "fileS": 1}, 1, True),
        ({"Files": None, "files": 1}, None, True),
        ({"File": 1}, None, False),
        ({}, None, False),
    ],
    ids=str,
)
def test_field_is_found_in_any_case_and_its_own_name_comes_first(body, value, is_there):
    assert field_of(body, "Files") == value
    assert has_field(body, "Files") is is_there
