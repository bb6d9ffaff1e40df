from __future__ import annotations

import pytest

from web.ranges import Span, Unsatisfiable, is_fresh, span_of

TAG = '"abc"'


@pytest.mark.parametrize(
    ("header", "span"),
    [
        ("bytes=0-9", Span(0, 10)),
        ("bytes=0-0", Span(0, 1)),
        ("bytes=90-", Span(90, 100)),
        ("bytes=90-200", Span(90, 100)),
        ("bytes=-10", Span(90, 100)),
        ("bytes=-200", Span(0, 100)),
        ("Bytes= 5-6 ", Span(5, 7)),
    ],
)
def test_one_range_is_a_part(header, span):
    assert span_of(header, 100, None, TAG) == span


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "bytes=",
        "bytes=-",
        "bytes=a-b",
        "bytes=9-0",
        "bytes=0-1,3-4",
        "lines=0-1",
        "bytes=0-" + "9" * 30,
        "bytes=٣-٤",
    ],
)
def test_several_or_invalid_ranges_mean_the_whole(header):
    assert span_of(header, 100, None, TAG) is None


@pytest.mark.parametrize("header", ["bytes=100-", "bytes=100-50", "bytes=200-300", "bytes=-0"])
def test_a_range_behind_the_end_is_refused(header):
    with pytest.raises(Unsatisfiable):
        span_of(header, 100, None, TAG)


def test_an_empty_file_has_no_range():
    with pytest.raises(Unsatisfiable):
        span_of("bytes=0-", 0, None, TAG)


@pytest.mark.parametrize("if_range", ['"other"', 'W/"abc"', "Tue, 24 Nov 2026 21:00:00 GMT"])
def test_a_part_of_other_content_means_the_whole(if_range):
    assert span_of("bytes=0-9", 100, if_range, TAG) is None
    assert span_of("bytes=0-9", 100, TAG, TAG) == Span(0, 10)


@pytest.mark.parametrize("header", ["*", '"abc"', 'W/"abc"', '"x", "abc"', '"x",W/"abc" , "y"'])
def test_a_known_tag_is_fresh(header):
    assert is_fresh(header, TAG)


@pytest.mark.parametrize("header", [None, "", "abc", '"ab"', '"x"'])
def test_another_tag_is_not(header):
    assert not is_fresh(header, TAG)
