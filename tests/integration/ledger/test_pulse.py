from __future__ import annotations

import time
from functools import partial

import pytest
from workers.pulse import Pulse

from conveyor.ledger.keys import Keys
from conveyor.turnstile import Turnstile

KEYS = Keys()

LEASE_S = 30.0


@pytest.fixture
def turnstile(client):
    return Turnstile(client, 0.2, LEASE_S)


@pytest.fixture
def pulse(ledger):
    return Pulse(ledger, every_s=0.05)


def _await(is_so):
    deadline = time.monotonic() + 120
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_while_a_poll_lasts_nobody_else_gets_in(pulse, turnstile, make, client):
    entry = make.converting()
    passed = turnstile.enter(entry.id, entry.wakeup)
    with pulse.keeps(entry.id, partial(turnstile.renew, passed)):
        client.pexpire(KEYS.turnstile(entry.id), 10_000)
        _await(lambda: client.pttl(KEYS.turnstile(entry.id)) > 20_000)
        assert not turnstile.enter(entry.id, entry.wakeup).granted
    client.pexpire(KEYS.turnstile(entry.id), 300)

    # Longer than a lease: a beat that was under way may still renew it.
    _await(lambda: turnstile.enter(entry.id, entry.wakeup).granted)


def test_a_pass_that_was_lost_is_not_renewed(pulse, turnstile, make, client):
    entry = make.converting()
    passed = turnstile.enter(entry.id, entry.wakeup)
    client.set(KEYS.turnstile(entry.id), "another", px=100)
    with pulse.keeps(entry.id, partial(turnstile.renew, passed)):
        pulse.beat()

    assert client.pttl(KEYS.turnstile(entry.id)) <= 100


def test_what_is_worked_on_is_not_taken_for_lost(pulse, ledger, make, client):
    working, lost = make.queued(), make.queued()
    client.zadd(KEYS.due, dict.fromkeys((working.id, lost.id), time.time() - 1))
    with pulse.keeps(working.id):
        pulse.beat()
        assert ledger.claim_overdue(10, 60).entries == [lost]


def test_a_beat_brings_back_nothing_that_has_ended(pulse, ledger, make, client):
    """The caller was told while the beat was on its way."""
    entry = make.queued()
    with pulse.keeps(entry.id):
        client.zrem(KEYS.due, entry.id)
        pulse.beat()

    assert client.zscore(KEYS.due, entry.id) is None


def test_work_that_takes_longer_than_it_may_is_left_to_others(ledger, make, client, turnstile):
    """A process that is stuck lives, and its heart beats for ever."""
    now = [0.0]
    pulse = Pulse(ledger, every_s=1e6, clock=lambda: now[0])
    entry = make.converting()
    passed = turnstile.enter(entry.id, entry.wakeup)
    with pulse.keeps(entry.id, partial(turnstile.renew, passed), most_s=100.0):
        now[0] = 100.0
        client.pexpire(KEYS.turnstile(entry.id), 1000)
        client.zadd(KEYS.due, {entry.id: 1})
        pulse.beat()
        assert client.pttl(KEYS.turnstile(entry.id)) > 1000
        assert client.zscore(KEYS.due, entry.id) > ledger.now()

        now[0] = 100.1
        client.pexpire(KEYS.turnstile(entry.id), 1000)
        client.zadd(KEYS.due, {entry.id: 1})
        pulse.beat()
        assert client.pttl(KEYS.turnstile(entry.id)) <= 1000
        assert [it.id for it in ledger.claim_overdue(10, 60).entries] == [entry.id]


def test_work_of_several_parts_may_take_as_long_for_each(ledger, make, client):
    now = [0.0]
    pulse = Pulse(ledger, every_s=1e6, clock=lambda: now[0])
    entry = make.ready()
    with pulse.keeps(entry.id, most_s=100.0) as work:
        now[0] = 90.0
        work.may_take(100.0)
        now[0] = 180.0
        client.zadd(KEYS.due, {entry.id: 1})
        pulse.beat()

    assert client.zscore(KEYS.due, entry.id) > ledger.now()
