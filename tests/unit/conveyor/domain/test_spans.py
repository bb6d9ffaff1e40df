"""Time spans as callers give them, and the bounds as errors tell them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from conveyor.domain.spans import seconds_of
from conveyor.errors import InvalidRequest


@pytest.mark.parametrize(
    ("span", "seconds"),
    [("90s", 90.0), ("2m", 120.0), ("1.5h", 5400.0), (timedelta(minutes=2), 120.0), (61, 61.0)],
)
def test_span_is_read_in_every_form(span, seconds):
    assert seconds_of("keep", span, least_s=1, most_s=7200) == seconds


@pytest.mark.parametrize("span", ["2h", "1s", "soon", "", None, True, [], float("nan"), -1])
def test_span_that_makes_no_sense_is_refused(span):
    with pytest.raises(InvalidRequest):
        seconds_of("keep", span, least_s=60, most_s=3600)


@pytest.mark.parametrize(
    ("least_s", "most_s", "told"),
    [(60, 3600, "1m to 1h"), (90, 86400, "90s to 1d"), (0.5, 5400, "0.5s to 90m")],
)
def test_bounds_are_told_in_their_largest_whole_units(least_s, most_s, told):
    with pytest.raises(InvalidRequest, match=f"keep must be from {told}, for example keep='12h'"):
        seconds_of("keep", 10**9, least_s=least_s, most_s=most_s)
