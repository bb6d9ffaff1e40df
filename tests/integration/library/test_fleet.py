"""Pages of conversions, and the fleet at a glance."""

from __future__ import annotations

import time

import pytest

from conveyor import ConversionFailed, FailureKind, InvalidRequest, State
from conveyor.domain.conversion import Failure, StoredFile
from conveyor.ledger.governor import Governor
from conveyor.ledger.keys import KEEP_FINISHED_S, KINDS, Keys

KEYS = Keys()

FILES = (StoredFile("a.pdf", "file:///a.pdf", 3, "00"),)


def _pages(list_page, **options):
    cursor, pages = "", []
    while True:
        page = list_page(cursor=cursor, **options)
        pages.append([conversion.id for conversion in page.conversions])
        cursor = page.cursor
        if not cursor:
            return pages


def test_conversions_are_listed_page_by_page_the_newest_first(conveyor, ledger, make):
    ids = [make.queued().id for _ in range(4)]
    ids.append(make.ready().id)

    assert _pages(conveyor.list, limit=2) == [ids[4:2:-1], ids[2:0:-1], ids[:1]]
    assert _pages(conveyor.list, limit=5) == [ids[::-1]]
    assert _pages(conveyor.list, limit=2, state=State.READY) == [ids[4:]]
    assert _pages(conveyor.list, state=State.FAILED) == [[]]


def test_what_comes_and_goes_meanwhile_moves_no_page(conveyor, ledger, make):
    ids = [make.queued().id for _ in range(4)]
    first = conveyor.list(limit=2)
    make.queued()
    ledger.cancelled(ledger.get(ids[2]))
    second = conveyor.list(limit=2, cursor=first.cursor)

    assert [conversion.id for conversion in second.conversions] == [ids[1], ids[0]]


def test_those_of_the_same_moment_are_each_on_one_page(conveyor, client, make):
    ids = [make.queued().id for _ in range(7)]
    client.zadd(KEYS.state("queued"), dict.fromkeys(ids, 5.5))
    pages = _pages(conveyor.list, limit=3)

    assert sorted(it for page in pages for it in page) == sorted(ids)
    assert [len(page) for page in pages] == [3, 3, 1]


def test_a_page_tells_how_far_each_is(conveyor, ledger, make):
    make.queued()
    ledger.succeeded(make.ready(), FILES)
    page = conveyor.list()

    assert [progress.fraction for progress in page.progress] == [1.0, 0.0]


@pytest.mark.parametrize(
    "cursor", ["x", "5", "nan_x", "_", "5.0" * 200 + "_x"], ids=lambda c: c[:9]
)
def test_a_cursor_of_nobodys_is_refused(conveyor, cursor):
    with pytest.raises(InvalidRequest, match="cursor"):
        conveyor.list(cursor=cursor)
    with pytest.raises(InvalidRequest, match="cursor"):
        conveyor.dead_letters.page(cursor=cursor)


def _dead(ledger, make, kind):
    return ledger.failed(make.converting(), Failure(kind, "Broken.")).id


def test_dead_letters_are_listed_by_class(conveyor, ledger, make):
    service, damaged, again = (
        _dead(ledger, make, kind)
        for kind in (FailureKind.SERVICE, FailureKind.INPUT, FailureKind.SERVICE)
    )
    page = conveyor.dead_letters.page

    assert _pages(page, limit=2) == [[again, damaged], [service]]
    assert _pages(page, kind=FailureKind.SERVICE) == [[again, service]]
    assert conveyor.fleet().dead[FailureKind.SERVICE] == 2

    conveyor.dead_letters.replay(again)
    conveyor.dead_letters.purge(older_than_s=-1)

    assert _pages(page) == _pages(page, kind=FailureKind.SERVICE) == [[]]
    assert set(conveyor.fleet().dead.values()) == {0}


def test_a_letter_that_dies_again_of_something_else_changes_its_class(conveyor, ledger, make):
    dead = _dead(ledger, make, FailureKind.SERVICE)
    conveyor.dead_letters.replay(dead)
    begun = make.submitting(ledger.get(dead))
    ledger.failed(begun, Failure(FailureKind.INPUT, "Damaged."))
    fleet = conveyor.fleet()

    assert fleet.dead[FailureKind.SERVICE] == 0
    assert fleet.dead[FailureKind.INPUT] == 1
    assert fleet.counts["service"] == fleet.counts["input"] == 1
    with pytest.raises(ConversionFailed, match="Damaged"):
        conveyor.get(dead).raise_if_failed()


def test_the_fleet_is_counted(conveyor, ledger, make, client):
    make.queued()
    make.converting()
    ledger.succeeded(make.ready(), FILES)
    ledger.cancelled(make.queued())
    client.zadd(KEYS.due("poll"), {"late": time.time() - 60})
    Governor(client, "ab12", 5.0, 0).throttled()
    fleet = conveyor.fleet()

    assert {state.value: count for state, count in fleet.states.items() if count} == {
        "queued": 1,
        "converting": 1,
        "succeeded": 1,
        "cancelled": 1,
    }
    assert len(fleet.throughput) == 30
    assert sum(fleet.throughput[-2:]) == 1  # a minute may end just now
    assert fleet.oldest_overdue_s == pytest.approx(60, abs=5)
    assert {
        "succeeded": 1,
        "cancelled": 1,
        "cost": 1,
        "throttles": 1,
    }.items() <= fleet.counts.items()


def test_an_idle_fleet_is_late_with_nothing(conveyor, make):
    assert conveyor.fleet().oldest_overdue_s == 0
    make.converting(confirmed=True)
    assert conveyor.fleet().oldest_overdue_s == 0


@pytest.mark.parametrize("kind", KINDS)
def test_what_no_worker_takes_up_is_late(conveyor, client, kind):
    client.zadd(KEYS.due(kind), {"late": time.time() - 60})

    assert conveyor.fleet().oldest_overdue_s == pytest.approx(60, abs=5)


def test_what_an_account_on_hold_keeps_waiting_is_not_late(conveyor, client, make):
    client.zadd(KEYS.due("submit"), {make.queued().id: time.time() - 3600})
    Governor(client, "ab12", 5.0, 0).hold("The balance is used up.")

    assert conveyor.fleet().oldest_overdue_s == 0


def test_polls_and_waits_are_counted_in_buckets(ledger, make, conveyor, client):
    now = ledger.now()
    # The last one's result was seen after it was stored: the server's clock went back.
    for polls, waited_s in ((1, 3.0), (4, 1000), (99, -60)):
        entry = make.ready()
        client.hset(KEYS.conversion(entry.id), "polls", polls)
        client.hset(KEYS.conversion(entry.id), "ready_at", now - waited_s)
        ledger.succeeded(ledger.get(entry.id), FILES)
    counts = conveyor.fleet().counts

    assert [counts[f"polls_le:{bound}"] for bound in ("1", "5", "inf")] == [1, 1, 1]
    assert [counts[f"stored_le:{bound}"] for bound in ("5", "inf", "0.1")] == [1, 1, 1]
    assert counts["polls_sum"] == 104
    # Redis measures: a little more than we say, and nothing less than nothing.
    assert counts["stored_sum_ms"] == pytest.approx(1_003_000, abs=900)


def test_what_was_forgotten_goes_out_of_the_index(ledger, make, client, conveyor):
    old, kept = (ledger.succeeded(make.ready(), FILES) for _ in range(2))
    long_ago = time.time() - KEEP_FINISHED_S - 60
    client.zadd(KEYS.state("succeeded"), {old.id: long_ago, kept.id: long_ago})
    client.delete(KEYS.conversion(old.id))

    assert ledger.audit.step().forgotten == 1
    assert conveyor.fleet().states[State.SUCCEEDED] == 1
