"""What Redis has lost is reported, and what nobody awaits is awaited again."""

from __future__ import annotations

import time

import pytest

from conveyor.domain.conversion import Failure, FailureKind, State
from conveyor.errors import UnknownConversion
from conveyor.ledger.keys import KEEP_FINISHED_S, Keys

KEYS = Keys()
FAILURE = Failure(FailureKind.SERVICE, "Broken.")

UNTOLD = {
    "queued": lambda ledger, make: make.queued(),
    "converting": lambda ledger, make: make.converting(confirmed=True),
    "ready": lambda ledger, make: make.ready(),
    "succeeded": lambda ledger, make: ledger.succeeded(make.ready(), ()),
    "failed": lambda ledger, make: ledger.failed(make.converting(), FAILURE),
    "cancelled": lambda ledger, make: ledger.cancelled(make.queued()),
}


@pytest.mark.parametrize("reach", UNTOLD.values(), ids=UNTOLD)
def test_conversion_that_nobody_awaits_is_due_again(*, ledger, make, dates, worker, reach):
    entry = reach(ledger, make)
    dates.forget(entry.id)

    assert ledger.audit.step().awaited == 1
    assert worker.everything() == [entry.id]
    assert ledger.audit.step().awaited == 0


def test_conversion_whose_caller_knows_the_outcome_is_left_alone(ledger, make, dates):
    failed = ledger.failed(make.converting(), FAILURE)
    ledger.delivered(failed.id, is_dead=True)

    assert ledger.audit.step().awaited == 0
    assert dates.count() == 0


def test_unreadable_entry_is_not_made_due(ledger, make, client, dates):
    entry = make.queued()
    client.hset(KEYS.conversion(entry.id), "request", "{")
    ledger.find_many([entry.id])
    assert dates.count() == 0

    assert ledger.audit.step().awaited == 0


@pytest.mark.parametrize("reach", UNTOLD.values(), ids=UNTOLD)
def test_evicted_entry_is_reported_once_and_leaves_every_index(
    *, ledger, make, client, dates, reach
):
    entry, kept = reach(ledger, make), make.queued()
    client.delete(KEYS.conversion(entry.id))

    (lost,) = ledger.audit.step().lost
    assert (lost.id, lost.undelivered) == (entry.id, True)
    assert list(ledger.audit.lost()) == [entry.id]
    assert ledger.audit.step().lost == ()
    assert client.hget(KEYS.counts, "lost") == "1"
    for key in client.scan_iter(f"{KEYS.prefix}*"):
        if client.type(key) == "zset" and key != KEYS.lost:
            assert client.zscore(key, entry.id) is None, key
    assert dates.of(kept.id) is not None
    with pytest.raises(UnknownConversion, match="Redis has lost the conversion"):
        ledger.get(entry.id)


def test_evicted_dead_letter_is_reported_and_its_caller_was_told(ledger, make, client):
    failed = ledger.failed(make.converting(), FAILURE)
    ledger.delivered(failed.id, is_dead=True)
    client.delete(KEYS.conversion(failed.id))

    (lost,) = ledger.audit.step().lost
    assert not lost.undelivered
    assert ledger.dead_ids() == []


def test_claim_notices_what_is_lost_before_the_audit_does(make, client, dates, worker):
    entry = make.queued()
    client.delete(KEYS.conversion(entry.id))

    (lost,) = worker.claims.submits(10).lost
    assert (lost.id, lost.undelivered) == (entry.id, True)
    assert dates.count() == 0


def test_finished_conversion_that_was_forgotten_in_time_is_not_lost(ledger, make, client):
    entry = ledger.succeeded(make.ready(), ())
    ledger.delivered(entry.id, is_dead=False, request=entry.request)
    client.delete(KEYS.conversion(entry.id))
    client.zadd(KEYS.state("succeeded"), {entry.id: time.time() - KEEP_FINISHED_S - 1})

    found = ledger.audit.step()
    assert (found.forgotten, found.lost) == (1, ())


def test_finished_conversion_that_was_evicted_early_is_lost(ledger, make, client):
    entry = ledger.succeeded(make.ready(), ())
    ledger.delivered(entry.id, is_dead=False, request=entry.request)
    client.delete(KEYS.conversion(entry.id))

    (lost,) = ledger.audit.step().lost
    assert not lost.undelivered


def test_place_among_the_accounts_jobs_is_given_back(ledger, make, client):
    client.sadd(KEYS.accounts, "acme")
    client.sadd(KEYS.jobs("acme"), "gone")
    ledger.audit.step()

    assert client.scard(KEYS.jobs("acme")) == 0


def test_discarded_loss_is_forgotten(ledger, make, client):
    entry = make.queued()
    client.delete(KEYS.conversion(entry.id))
    ledger.audit.step()

    assert ledger.discard(entry.id)
    assert not ledger.discard(entry.id)
    assert ledger.audit.lost() == {}


def test_long_index_is_looked_over_batch_by_batch(ledger, make, client):
    """What stays for ever at its front keeps nobody from being looked at."""
    long_ago = time.time() - KEEP_FINISHED_S - 60
    index = KEYS.state(State.SUCCEEDED.value)
    for number in range(300):
        client.hset(
            KEYS.conversion(f"stays-{number}"), mapping={"state": "succeeded", "delivered": 1}
        )
    client.zadd(index, {f"stays-{number}": 1.0 for number in range(300)})
    client.zadd(index, {f"gone-{number}": long_ago for number in range(300)})

    steps, forgotten = 0, 0
    while forgotten < 300:
        forgotten += ledger.audit.step(batch=50).forgotten
        steps += 1
        assert steps < 100
    assert steps > 3
    assert client.zcard(index) == 300


@pytest.mark.parametrize("planted", ["nonsense", "-1", "99999999999999999999"])
def test_damaged_cursor_is_begun_anew(*, ledger, make, client, dates, planted):
    entry = make.queued()
    dates.forget(entry.id)
    client.hset(KEYS.audited, "state:queued", planted)

    assert ledger.audit.step().awaited + ledger.audit.step().awaited == 1


def test_index_of_another_type_stops_no_other(ledger, make, client, dates):
    client.set(KEYS.state("cancelled"), "of a wrong type")
    entry = make.queued()
    dates.forget(entry.id)

    assert ledger.audit.step().awaited == 1
