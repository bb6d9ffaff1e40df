"""What a caller wants beside a conversion: checked early, and read back as it was said."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum

import pytest

from conveyor import InvalidRequest
from conveyor.domain.callback import Callback
from conveyor.domain.deadlines import Deadline
from conveyor.domain.metadata import (
    MAX_BYTES,
    MAX_KEYS,
    metadata_from_pairs,
    metadata_text,
    search_text,
)
from conveyor.domain.terms import NO_TERMS, Terms, dump_terms, load_terms


class Shop(StrEnum):
    EU = "eu"


def test_terms_left_out_are_none():
    assert Terms.of() == NO_TERMS
    assert dump_terms(NO_TERMS) == ""
    assert load_terms("") == NO_TERMS


@pytest.mark.parametrize(
    "terms",
    [
        Terms.of({"order": "4711", "shop": 3, "weight": 1.5, "gift": True, "who": "Jürgen 🎁"}),
        Terms.of(deadline=60),
        Terms.of(deadline=datetime(2030, 1, 1, tzinfo=UTC)),
        Terms.of({"a": ""}, timedelta(hours=1)),
        Terms.of(keep="7d"),
        Terms.of(keep=timedelta(minutes=90.5)),
    ],
)
def test_terms_are_read_back_as_they_were_written(terms):
    assert load_terms(dump_terms(terms)) == terms
    assert Terms.from_plain(json.loads(json.dumps(terms.plain()))) == terms


def test_terms_of_a_later_release_are_passed_over():
    assert load_terms('{"metadata":{"a":1},"colour":{"red":1}}') == Terms.of({"a": 1})


@pytest.mark.parametrize(
    "text",
    [
        *("{", "[]", "1", '{"metadata":[1]}', '{"metadata":{"a":[1]}}'),
        *('{"deadline":5}', '{"deadline":{}}', '{"deadline":{"at":1,"after_s":1}}'),
        *('{"deadline":{"at":"x"}}', '{"deadline":{"at":-1}}', '{"deadline":{"at":true}}'),
        '{"deadline":{"at":NaN}}',
        *('{"keep_s":0}', '{"keep_s":[]}', '{"keep_s":true}', '{"keep_s":"x"}', '{"keep_s":NaN}'),
    ],
)
def test_damaged_terms_are_refused(text):
    with pytest.raises((TypeError, ValueError)):
        load_terms(text)


def test_metadata_is_copied_so_that_a_later_change_changes_nothing():
    given = {"order": "4711"}
    terms = Terms.of(given)
    given["order"] = "4712"
    assert terms.metadata == {"order": "4711"}


def test_metadata_of_a_text_enum_is_its_text():
    assert json.dumps(Terms.of({"shop": Shop.EU}).plain()) == '{"metadata": {"shop": "eu"}}'


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        ("order", "must be a mapping"),
        ([("order", 1)], "must be a mapping"),
        ({1: "x"}, "key int is not valid"),
        ({"": "x"}, "key '' is not valid"),
        ({"a b": "x"}, "key 'a b' is not valid"),
        ({"k" * 65: "x"}, "is not valid. Use up to 64"),
        ({"order": None}, "not a NoneType"),
        ({"order": ["x"]}, "not a list"),
        ({"order": {"id": 1}}, "not a dict"),
        ({"order": b"x"}, "not a bytes"),
        ({"order": float("nan")}, "JSON carries exactly"),
        ({"order": float("inf")}, "JSON carries exactly"),
        ({"order": 2**53 + 1}, "JSON carries exactly"),
        ({"order": 10**4000}, "JSON carries exactly"),
        ({"order": "\ud800"}, "lone surrogate"),
        ({"order": "a\0b"}, "NUL"),
        ({f"k{n}": n for n in range(MAX_KEYS + 1)}, "has 17 keys"),
        ({"order": "x" * MAX_BYTES}, "longer than 4096 bytes"),
        ({"order": "ü" * (MAX_BYTES // 2)}, "longer than 4096 bytes"),
    ],
)
def test_metadata_that_cannot_be_kept_is_refused(metadata, said):
    with pytest.raises(InvalidRequest, match=said):
        Terms.of(metadata)


def test_refusal_of_metadata_shows_no_value():
    with pytest.raises(InvalidRequest) as refused:
        Terms.of({"order": "hunter2\0"})
    assert "hunter2" not in str(refused.value)


def test_largest_metadata_is_kept():
    value = "x" * (MAX_BYTES - len('{"k": ""}'))
    assert Terms.of({"k": value}).metadata == {"k": value}
    assert len(Terms.of({f"k{n}": n for n in range(MAX_KEYS)}).metadata) == MAX_KEYS


@pytest.mark.parametrize(
    ("value", "text"),
    [("4711", "4711"), (4711, "4711"), (4711.0, "4711"), (1.5, "1.5"), (True, "true"), (0, "0")],
)
def test_equal_values_are_found_by_the_same_text(value, text):
    assert search_text(value) == text


@pytest.mark.parametrize(
    ("given", "deadline"),
    [
        (60, Deadline(after_s=60.0)),
        (0.5, Deadline(after_s=0.5)),
        (timedelta(minutes=2), Deadline(after_s=120.0)),
        (datetime(1970, 1, 2, tzinfo=UTC), Deadline(at=86400.0)),
        (datetime(1970, 1, 2, 2, tzinfo=timezone(timedelta(hours=2))), Deadline(at=86400.0)),
    ],
)
def test_deadline_has_one_form(given, deadline):
    assert Terms.of(deadline=given).deadline == deadline


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (0, "more than 0 seconds"),
        (-1, "more than 0 seconds"),
        (float("nan"), "more than 0 seconds"),
        (float("inf"), "at most ten years"),
        (10**4000, "at most ten years"),
        (timedelta(0), "more than 0 seconds"),
        (True, "can't be a bool"),
        ("60", "can't be a str"),
        (datetime(2030, 1, 1), "has no time zone"),  # noqa: DTZ001 - that is what is refused
        (datetime(9999, 1, 1, tzinfo=UTC), "out of bounds"),
        (datetime(1960, 1, 1, tzinfo=UTC), "out of bounds"),
    ],
)
def test_deadline_that_cannot_be_one_is_refused(given, said):
    with pytest.raises(InvalidRequest, match=said):
        Terms.of(deadline=given)


def test_pairs_are_split_at_the_first_equals_sign():
    assert metadata_from_pairs(["order=4711", "note=a=b", "empty="]) == {
        "order": "4711",
        "note": "a=b",
        "empty": "",
    }


@pytest.mark.parametrize(
    ("pairs", "said"),
    [
        (["order"], "KEY=VALUE"),
        (["=x"], "key '' is not valid"),
        (["a b=x"], "key 'a b' is not valid"),
        (["a=1", "a=2"], "a is given twice"),
    ],
)
def test_pair_that_is_none_is_refused(pairs, said):
    with pytest.raises(InvalidRequest, match=said):
        metadata_from_pairs(pairs)


def test_metadata_is_shown_in_one_line():
    assert metadata_text({"order": 4711, "gift": True, "w": 1.5}) == "order=4711, gift=true, w=1.5"


@pytest.mark.parametrize(
    ("keep", "seconds"),
    [
        (None, None),
        ("7d", 604800.0),
        ("12h", 43200.0),
        (" 90M ", 5400.0),
        ("60", 60.0),
        (3600, 3600.0),
        (3600.5, 3600.5),
        (timedelta(days=1), 86400.0),
        ("3650d", 3650 * 86400.0),
    ],
)
def test_keep_has_one_form(keep, seconds):
    assert Terms.of(keep=keep).keep_s == seconds


@pytest.mark.parametrize("keep", [0, -1, 59.9, "5s", "3651d", float("nan"), float("inf")])
def test_keep_that_makes_no_sense_is_refused(keep):
    with pytest.raises(InvalidRequest, match="keep must be from 1m to 3650d, for example"):
        Terms.of(keep=keep)


@pytest.mark.parametrize("keep", [10**4000, timedelta(days=-1), timedelta.max])
def test_keep_beyond_all_bounds_is_refused(keep):
    with pytest.raises(InvalidRequest, match="keep must be from 1m to 3650d"):
        Terms.of(keep=keep)


@pytest.mark.parametrize("keep", ["week", "", "7 days", "-7d", "1e9", "9" * 400 + "d"])
def test_keep_that_is_no_time_span_is_refused(keep):
    with pytest.raises(InvalidRequest, match="is not a time span"):
        Terms.of(keep=keep)


@pytest.mark.parametrize("keep", [True, [7], {"days": 7}, b"7d"])
def test_keep_of_another_type_is_refused(keep):
    with pytest.raises(InvalidRequest, match="keep must be a time span: a text like '7d'"):
        Terms.of(keep=keep)


def test_fleets_callback_is_for_those_who_have_named_none():
    fleets, own = Callback.of("https://fleet.example/"), Callback.of("https://shop.example/")

    assert NO_TERMS.with_default(fleets).callback == fleets
    assert Terms.of(callback="https://shop.example/").with_default(fleets).callback == own
    assert NO_TERMS.with_default(None) is NO_TERMS


@pytest.mark.parametrize(("value", "text"), [(True, "true"), (False, "false"), (0, "0")])
def test_yes_and_no_are_found_as_json_writes_them(value, text):
    assert search_text(value) == text
