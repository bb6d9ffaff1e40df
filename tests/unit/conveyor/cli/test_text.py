from __future__ import annotations

import pytest

from conveyor.cli.text import count, duration_text, one_line, parse_duration, parse_size, size_text
from conveyor.errors import InvalidRequest


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (12_345, "12.3 kB"),
        (999_949, "999.9 kB"),
        (999_950, "1.0 MB"),
        (5_000_000_000, "5.0 GB"),
        (7_200_000_000_000, "7.2 TB"),
        (7_200_000_000_000_000, "7200.0 TB"),
    ],
)
def test_size(size, text):
    assert size_text(size) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.0 s"),
        (3.24, "3.2 s"),
        (59.94, "59.9 s"),
        (59.97, "1 min"),
        (250, "4 min 10 s"),
        (3600, "1 h"),
        (7500, "2 h 5 min"),
        (86400, "1 d"),
        (273_600, "3 d 4 h"),
    ],
)
def test_duration(seconds, text):
    assert duration_text(seconds) == text


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30", 30),
        ("30s", 30),
        ("1.5h", 5400),
        ("15m", 900),
        ("12h", 43200),
        (" 7D ", 604_800),
        ("2w", 1_209_600),
    ],
)
def test_parse_duration(text, seconds):
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "d", "7 days", "-1d", "1e3s", "7y", "٣d", "1.d"])
def test_invalid_duration_is_refused(text):
    with pytest.raises(InvalidRequest, match="for example 7d"):
        parse_duration(text)


def test_control_characters_never_reach_a_terminal():
    assert one_line("a\x1b[31m\r\nb\u2028c\x9bd") == "a [31m b c d"


def test_count():
    assert count(1, "poll") == "1 poll"
    assert count(0, "poll") == "0 polls"
    assert count(2, "dead letter") == "2 dead letters"


@pytest.mark.parametrize(
    ("text", "size"),
    [("512", 512), ("100k", 100e3), ("2M", 2e6), ("64 GB", 64e9), ("1.5T", 1.5e12), ("10b", 10)],
)
def test_a_size_is_a_number_and_a_unit(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "k", "-1", "1 KiB", "many", "1e9"])
def test_invalid_size_is_refused(text):
    with pytest.raises(InvalidRequest, match="not a size"):
        parse_size(text)
