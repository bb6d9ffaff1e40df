"""Conversions are found by their callers' own data, page by page, and no row outlives its entry."""

from __future__ import annotations

import pytest

from conveyor import InvalidRequest, State
from conveyor.domain.conversion import Failure, FailureKind
from conveyor.domain.metadata import MAX_KEYS
from conveyor.domain.terms import Terms
from conveyor.ledger import Ledger
from conveyor.ledger.in_memory.client import in_memory_client
from conveyor.ledger.in_memory.clock import Clock
from conveyor.ledger.in_memory.server import MemoryServer
from conveyor.ledger.index import Index
from conveyor.ledger.keys import KEEP_FINISHED_S, Keys
from conveyor.ledger.metadata_index import found_by

KEYS = Keys()


@pytest.fixture
def index(client, ledger):
    return Index(client, ledger.find_many)


@pytest.fixture
def accept(ledger, make):
    """Accept a conversion with metadata."""

    def run(conversion_id, **metadata):
        return ledger.open(conversion_id, make.request, terms=Terms.of(metadata))

    return run


@pytest.fixture
def find(index):
    """The ids that a search finds, on all its pages."""

    def run(limit=50, state=None, **metadata):
        found, cursor = [], ""
        while True:
            entries, cursor = index.page(state, limit, cursor, metadata)
            assert len(entries) <= limit
            found += [entry.id for entry in entries]
            if not cursor:
                return found

    return run


def test_pair_finds_its_conversions_the_latest_first(accept, find):
    for conversion_id, order in [("c1", "4711"), ("c2", "4712"), ("c3", "4711")]:
        accept(conversion_id, order=order)

    assert find(order="4711") == ["c3", "c1"]
    assert find(order="4713") == []
    assert find(shop="4711") == []


@pytest.mark.parametrize("asked", ["4711", 4711, 4711.0])
def test_number_and_its_text_are_the_same(accept, find, asked):
    accept("c1", order=4711)
    accept("c2", order="4711")

    assert find(order=asked) == ["c2", "c1"]


def test_pair_that_begins_another_finds_only_itself(accept, find):
    accept("c1", order="47")
    accept("c2", order="4711")
    accept("c3", ord="er=47")

    assert find(order="47") == ["c1"]


def test_several_pairs_find_what_has_all_of_them(accept, find):
    accept("c1", order="4711", shop="eu")
    accept("c2", order="4711", shop="us")
    accept("c3", order="4712", shop="eu")

    assert find(order="4711", shop="eu") == ["c1"]


def test_state_narrows_the_search(accept, find, ledger):
    accept("c1", order="4711")
    accept("c2", order="4711")
    ledger.cancelled(ledger.get("c1"))

    assert find(order="4711", state=State.CANCELLED) == ["c1"]
    assert find(order="4711", state=State.QUEUED) == ["c2"]


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
def test_pages_show_each_once_whatever_their_size(accept, find, limit):
    for number in range(7):
        accept(f"c{number}", shop="eu")

    assert find(limit=limit, shop="eu") == [f"c{number}" for number in reversed(range(7))]


def test_page_ends_without_a_cursor_where_nothing_follows(accept, index):
    for number in range(3):
        accept(f"c{number}", shop="eu")

    entries, cursor = index.page(None, 3, "", {"shop": "eu"})
    assert (len(entries), cursor) == (3, "")


def test_what_is_accepted_meanwhile_moves_no_page(accept, index):
    for number in range(4):
        accept(f"c{number}", shop="eu")
    first, cursor = index.page(None, 2, "", {"shop": "eu"})
    accept("c9", shop="eu")
    second, _ = index.page(None, 2, cursor, {"shop": "eu"})

    assert [entry.id for entry in (*first, *second)] == ["c3", "c2", "c1", "c0"]


def test_search_that_reads_much_and_finds_little_ends_its_page_early(accept, find, index):
    """A tenant's rare state among many: no search reads more than a thousand entries."""
    for number in range(1100):
        accept(f"c{number:04}", shop="eu")

    entries, cursor = index.page(State.FAILED, 50, "", {"shop": "eu"})
    assert (entries, bool(cursor)) == ([], True)
    assert find(state=State.FAILED, shop="eu") == []
    assert len(find(limit=200, shop="eu")) == 1100


@pytest.mark.parametrize("cursor", ["x", "1", "nan_x", "_", "1_" + "x" * 400])
def test_cursor_that_is_none_is_refused(index, cursor):
    with pytest.raises(InvalidRequest, match="cursor"):
        index.page(None, 1, cursor, {"a": 1})


def test_search_for_what_no_conversion_can_have_is_refused(index):
    with pytest.raises(InvalidRequest, match="The metadata a must be"):
        index.page(None, 1, "", {"a": None})


# -- bounds and lifetimes -----------------------------------------------------------------------


def test_conversion_has_as_many_rows_as_keys_and_no_more(accept, client):
    accept("c1", **{f"k{number}": "x" * 200 for number in range(MAX_KEYS)})
    accept("c2")

    assert client.zcard(KEYS.metadata) == MAX_KEYS
    # Whatever a caller sends, a row is as long as a hash, a time and an id.
    assert {len(row) for row in client.zrange(KEYS.metadata, 0, -1)} == {16 + 17 + 2}


def test_conversion_that_was_not_accepted_after_all_leaves_no_row(accept, ledger, client):
    accept("c1", order=1)
    ledger.forget("c1")

    assert client.zcard(KEYS.metadata) == 0


def test_purged_dead_letter_leaves_no_row(accept, ledger, client):
    dead = ledger.failed(accept("c1", order=1), Failure(FailureKind.SERVICE, "Broken."))
    assert client.zcard(KEYS.metadata) == 1
    ledger.purge(dead)

    assert client.zcard(KEYS.metadata) == 0


def test_finished_conversion_is_found_for_as_long_as_it_lies_there(accept, ledger, client, find):
    accept("c1", order=1)
    ledger.cancelled(ledger.get("c1"))
    ledger.delivered("c1", is_dead=False)

    assert find(order=1) == ["c1"]
    assert client.ttl(KEYS.conversion("c1")) == pytest.approx(KEEP_FINISHED_S, abs=60)
    client.delete(KEYS.conversion("c1"))
    assert find(order=1) == []


def test_cleaner_takes_out_rows_that_have_outlived_their_conversion(accept, index, client):
    for number in range(300):
        accept(f"c{number:03}", order=number, shop="eu")
    for number in range(0, 300, 2):
        client.delete(KEYS.conversion(f"c{number:03}"))
    taken = sum(index.clean_metadata(50) for _ in range(40))

    assert taken == 300
    assert client.zcard(KEYS.metadata) == 300


def test_row_of_another_pair_with_the_same_hash_shows_nothing(accept, client, find):
    accept("c1", order="1")
    (wanted,) = found_by({"order": "2"})
    (row,) = client.zrange(KEYS.metadata, 0, -1)
    client.zadd(KEYS.metadata, {wanted + row[16:]: 0})

    assert find(order="2") == []


@pytest.mark.parametrize("damage", ["a text", b"\xff"])
def test_damaged_index_stops_no_cleaner(client, index, damage):
    client.set(KEYS.metadata, damage)

    assert index.clean_metadata(50) == 0


def test_deleted_conversion_leaves_no_row(accept, ledger, client, find):
    accept("c1", order=1)
    ledger.cancelled(ledger.get("c1"))
    ledger.delivered("c1", is_dead=False)
    assert ledger.erase(ledger.get("c1"))

    assert find(order=1) == []
    assert client.zcard(KEYS.metadata) == 0
    assert client.hget(KEYS.conversion("c1"), "found_by") is None


def test_ledger_in_memory_finds_the_same(make):
    client = in_memory_client(MemoryServer(Clock()), "conveyor")
    ledger = Ledger(client)
    index = Index(client, ledger.find_many)
    for number in range(5):
        ledger.open(f"c{number}", make.request, terms=Terms.of({"shop": "eu", "order": number}))

    first, cursor = index.page(None, 3, "", {"shop": "eu"})
    second, last = index.page(None, 3, cursor, {"shop": "eu"})
    assert [entry.id for entry in (*first, *second)] == ["c4", "c3", "c2", "c1", "c0"]
    assert last == ""
    assert [entry.id for entry in index.page(None, 3, "", {"shop": "eu", "order": 2})[0]] == ["c2"]
    assert index.clean_metadata(50) == 0
