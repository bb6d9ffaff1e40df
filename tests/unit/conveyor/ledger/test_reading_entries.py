"""Entries read in one round trip, as Redis answers for each; no Redis is there."""

from __future__ import annotations

import pytest
import redis

from conveyor.domain.request import ConversionRequest
from conveyor.domain.request_json import dump_request
from conveyor.errors import LedgerUnavailable, NewerEntry, UnknownConversion, UnreadableConversion
from conveyor.ledger import Ledger, connect
from conveyor.ledger.keys import Keys

KEYS = Keys()
TIME = (1_700_000_000, 250_000)
FIELDS = {
    "state": "queued",
    "turn": "0",
    "attempt": "1",
    "request": dump_request(ConversionRequest.build("https://example.com/a.docx", "pdf")),
}
WRONG_TYPE = redis.ResponseError("WRONGTYPE x")
LOADING = redis.BusyLoadingError("x")


class Pipeline:
    """Answers with the time and then with what it is told."""

    def __init__(self, *answers):
        self.answers, self.asked = answers, []

    def time(self):
        self.asked.append("time")

    def hgetall(self, key):
        self.asked.append(key)

    def execute(self, *, raise_on_error):
        assert not raise_on_error
        return list(self.answers)


@pytest.fixture
def ledger_with(monkeypatch):
    """A ledger whose Redis answers so; what it puts aside is noted."""
    with connect("redis://127.0.0.1:1/0") as client:

        def make(*answers):
            pipeline = Pipeline(*answers)
            monkeypatch.setattr(client, "pipeline", lambda **_: pipeline)
            made = Ledger(client)
            made.pipeline, made.noted = pipeline, []
            made.set_aside = lambda ids: made.noted.append(("aside", ids))
            made.audit.record_newer = lambda ids: made.noted.append(("newer", ids))
            made.audit.is_lost = lambda conversion_id: conversion_id == "lost"
            return made

        yield make


def test_entries_are_read_with_the_time_of_redis(ledger_with):
    newer = {**FIELDS, "v": "2"}
    damaged = {**FIELDS, "turn": "odd"}
    ledger = ledger_with(TIME, FIELDS, {}, newer, damaged, WRONG_TYPE, FIELDS)
    entries = ledger.find_many(["a", "b", "c", "d", "e", "f"])

    assert [(entry.id, entry.seen_at) for entry in entries] == [
        ("a", 1_700_000_000.25),
        ("f", 1_700_000_000.25),
    ]
    assert ledger.noted == [("aside", ["d", "e"]), ("newer", ["c"])]
    assert ledger.pipeline.asked == ["time", *map(KEYS.conversion, "abcdef")]


@pytest.mark.parametrize("answers", [(LOADING, FIELDS), (TIME, LOADING)])
def test_server_that_can_not_serve_is_no_damaged_entry(ledger_with, answers):
    ledger = ledger_with(*answers)

    with pytest.raises(LedgerUnavailable):
        ledger.find("a")


@pytest.mark.parametrize(
    ("answer", "raised"),
    [(WRONG_TYPE, UnreadableConversion), ({**FIELDS, "v": "2"}, NewerEntry)],
)
def test_entry_that_can_not_be_read_says_so(ledger_with, answer, raised):
    with pytest.raises(raised):
        ledger_with(TIME, answer).find("a")


def test_entry_that_is_there_is_found(ledger_with):
    assert ledger_with(TIME, FIELDS).find("a") == ledger_with(TIME, FIELDS).get("a")
    assert ledger_with(TIME, {}).find("a") is None


@pytest.mark.parametrize(
    ("conversion_id", "words"), [("lost", "has lost the conversion"), ("a", "There is no")]
)
def test_missing_entry_is_lost_or_was_never_there(ledger_with, conversion_id, words):
    with pytest.raises(UnknownConversion, match=words):
        ledger_with(TIME, {}).get(conversion_id)
