from __future__ import annotations

import time

import pytest

from conveyor.domain.canvas import Caller
from conveyor.domain.conversion import Failure, FailureKind, State, StoredFile
from conveyor.errors import UnknownConversion
from conveyor.ledger.keys import Keys

KEYS = Keys()

FAILURE = Failure(FailureKind.SERVICE, "Broken.")
FILES = (StoredFile("a.pdf", "file:///a.pdf", 3, "00"),)
SIGNATURE = {"task": "web.notify", "args": [], "kwargs": {}, "options": {}}


# -- due --------------------------------------------------------------------------------------


def test_whoever_waits_is_due_until_told(ledger, make, dates):
    """Whatever the state, a lost message is found by the sweep (invariant I2)."""
    entry = make.queued()
    assert dates.of(entry.id) <= ledger.now()
    steps = [
        ("submit", lambda it: ledger.submit_later(it, 1, "")),
        ("poll", make.submitting),
        ("submit", lambda it: ledger.put_back(it, 1, "", lost=False)),
        ("poll", make.submitting),
        ("poll", lambda it: ledger.ask_first(it, 1, "")),
        ("poll", lambda it: ledger.started(it, "j", 1)),
        ("poll", lambda it: ledger.poll_later(it, 1, confirmed=True, failed=False)),
        ("deliver", lambda it: ledger.ready(it, make.result)),
        ("deliver", lambda it: ledger.deliver_later(it, 1, "")),
        ("deliver", lambda it: ledger.succeeded(it, FILES)),
    ]
    for kind, step in steps:
        dates.forget(entry.id)
        before = ledger.now()
        entry = step(entry)
        assert dates.kind_of(entry.id) == kind
        assert before + 1 <= dates.of(entry.id)

    ledger.delivered(entry.id, is_dead=False)
    assert dates.of(entry.id) is None


# -- what is kept, and for how long ------------------------------------------------------------


def test_an_entry_ages_from_when_its_caller_knows(ledger, make, client):
    entry = ledger.succeeded(make.ready(), FILES)
    assert client.ttl(KEYS.conversion(entry.id)) == -1

    ledger.delivered(entry.id, is_dead=False)
    assert client.ttl(KEYS.conversion(entry.id)) == pytest.approx(7 * 24 * 3600, abs=5)


def test_a_dead_letter_does_not_age(ledger, make, client, dates):
    entry = ledger.failed(make.ready(), FAILURE)
    ledger.delivered(entry.id, is_dead=True)

    assert client.ttl(KEYS.conversion(entry.id)) == -1
    assert dates.of(entry.id) is None
    assert ledger.dead_ids() == [entry.id]


def test_who_is_still_on_the_way_can_not_be_told(ledger, make, client, dates):
    entry = make.ready()
    ledger.delivered(entry.id, is_dead=False)

    assert client.ttl(KEYS.conversion(entry.id)) == -1
    assert dates.of(entry.id) is not None


def test_what_was_not_accepted_leaves_nothing(ledger, make, client):
    ledger.forget(make.queued().id)

    assert client.keys() == []


def test_an_id_is_accepted_once(ledger, make):
    first = make.queued("c1")

    assert make.queued("c1") is None
    assert ledger.get("c1") == first


def test_find_many_keeps_the_order_and_leaves_out_what_is_gone(ledger, make):
    first, second = make.queued("c1"), make.queued("c2")

    assert ledger.find_many(["c2", "gone", "c1"]) == [second, first]
    assert ledger.find_many([]) == []


def test_an_unknown_id_is_said_to_be_so(ledger):
    assert ledger.find("nobody") is None
    with pytest.raises(UnknownConversion, match="'nobody'"):
        ledger.get("nobody")


# -- dead letters -----------------------------------------------------------------------------


def test_dead_letters_are_listed_by_age(ledger, make, client):
    ids = [ledger.failed(make.converting(), FAILURE).id for _ in range(3)]
    for age_s, conversion_id in zip((10, 30, 20), ids, strict=True):
        client.zadd(KEYS.dead, {conversion_id: time.time() - age_s})

    assert ledger.dead_ids() == [ids[1], ids[2], ids[0]]
    assert ledger.dead_ids(limit=1) == [ids[1]]
    assert ledger.dead_ids(limit=0) == []
    assert ledger.dead_ids(older_than_s=15) == [ids[1], ids[2]]


@pytest.mark.parametrize("end", ["failed", "expired"])
def test_a_replay_begins_anew_and_keeps_its_caller(end, ledger, make):
    caller = Caller(callbacks=[SIGNATURE], chord=SIGNATURE, group="g1", group_index=0)
    dead = getattr(ledger, end)(make.ready(caller), FAILURE)
    ledger.delivered(dead.id, is_dead=True)
    again = ledger.replay(dead)

    assert again.state is State.QUEUED
    assert again.turn != dead.turn
    assert (again.job_id, again.submits, again.consecutive_failures) == ("", 0, 0)
    assert (again.result, again.failure, again.finished_at) == (None, None, None)
    assert again.caller == Caller(callbacks=[SIGNATURE])
    assert again.request == dead.request
    assert ledger.dead_ids() == []


def test_a_paid_result_is_delivered_again(ledger, make):
    dead = ledger.failed(make.ready(), FAILURE)
    again = ledger.redeliver(dead)

    assert (again.state, again.result, again.failure) == (State.READY, make.result, None)
    assert ledger.dead_ids() == []


@pytest.mark.parametrize("again", ["replay", "redeliver"])
def test_what_is_tried_again_is_due_and_is_kept(*, again, ledger, make, client, dates):
    dead = ledger.failed(make.ready(), FAILURE)
    ledger.delivered(dead.id, is_dead=True)
    getattr(ledger, again)(dead)

    assert dates.of(dead.id) is not None
    assert dates.kind_of(dead.id) == {"replay": "submit", "redeliver": "deliver"}[again]
    assert client.ttl(KEYS.conversion(dead.id)) == -1


@pytest.mark.parametrize("again", ["replay", "redeliver"])
def test_of_two_replays_one_counts(again, ledger, make):
    dead = ledger.failed(make.ready(), FAILURE)

    assert getattr(ledger, again)(dead) is not None
    assert getattr(ledger, again)(dead) is None


@pytest.mark.parametrize("again", ["replay", "redeliver"])
def test_a_purge_forgets_no_conversion_that_is_replayed_meanwhile(
    *, again, ledger, make, client, dates
):
    """A purge lists first and forgets then; the operator beside it is quicker."""
    dead = ledger.failed(make.ready(), FAILURE)
    getattr(ledger, again)(dead)
    ledger.purge(dead)

    assert client.ttl(KEYS.conversion(dead.id)) == -1
    assert dates.of(dead.id) is not None


def test_what_was_purged_is_forgotten(ledger, make, client, dates):
    dead = ledger.failed(make.ready(), FAILURE)
    ledger.purge(dead)

    assert ledger.dead_ids() == []
    assert dates.of(dead.id) is None
    assert client.ttl(KEYS.conversion(dead.id)) <= 60


# -- what was learned -------------------------------------------------------------------------


def test_an_accounts_dialect_is_remembered_for_a_day(ledger, client, make):
    dialect = make.converting().dialect
    assert ledger.recall_dialect("a1") is None
    ledger.remember_dialect("a1", dialect)

    assert ledger.recall_dialect("a1") is dialect
    assert ledger.recall_dialect("a2") is None
    assert 0 < client.ttl(KEYS.dialect("a1")) <= 24 * 3600
