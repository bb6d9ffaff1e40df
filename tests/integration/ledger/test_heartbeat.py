from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import replace

import pytest

from conveyor.ledger.delivery_lease import DeliveryLeases
from conveyor.ledger.keys import Keys
from workers.heartbeat import Heartbeat

KEYS = Keys()

LEASE_S = 30.0


@pytest.fixture
def worker(claiming):
    return claiming(spacing_s=0.2, lease_s=LEASE_S)


@pytest.fixture
def heartbeat(ledger):
    made = Heartbeat(ledger, LEASE_S, every_s=0.05)
    yield made
    made.stop()


@pytest.fixture
def silent(ledger):
    """One that beats only when it is told to."""
    return Heartbeat(ledger, LEASE_S, every_s=1e6)


def _await(is_so):
    deadline = time.monotonic() + 120
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_running_poll_blocks_other_polls(heartbeat, worker, make, client):
    entry = make.converting()
    with heartbeat.renewing(worker.enter(entry)):
        client.pexpire(KEYS.turnstile(entry.id), 10_000)
        _await(lambda: client.pttl(KEYS.turnstile(entry.id)) > 20_000)
        assert worker.enter(entry) is None
    client.pexpire(KEYS.turnstile(entry.id), 300)

    # Longer than a lease: a beat that was under way may still renew it.
    _await(lambda: worker.enter(entry))


def test_a_pass_that_is_anothers_by_now_is_not_renewed(silent, worker, make, client, dates):
    passed = worker.enter(make.converting())
    key = KEYS.turnstile(passed.entry.id)
    client.set(key, "another", px=100_000)
    dates.set(1.0, passed.entry.id)
    with silent.renewing(passed):
        silent.beat()

    assert client.pttl(key) > 90_000
    assert client.get(key) == "another"
    assert dates.of(passed.entry.id) == 1.0


def test_a_pass_that_was_left_is_not_renewed(silent, worker, make, client):
    """The answer was noted while the beat was on its way."""
    passed = worker.enter(make.converting())
    with silent.renewing(passed):
        worker.turnstile.leave(passed)
        silent.beat()

    assert client.get(KEYS.turnstile(passed.entry.id)) in ("left", None)
    assert client.pttl(KEYS.turnstile(passed.entry.id)) <= 220


def test_conversion_in_progress_is_not_reported_lost(silent, worker, make, dates):
    passed = worker.post(make.queued())
    lost = make.queued()
    dates.past(passed.entry.id, lost.id)
    with silent.renewing(passed):
        silent.beat()
        assert worker.submits() == [lost.id]


def test_one_beat_renews_polls_posts_and_deliveries_in_one_call(
    *, silent, worker, make, client, dates
):
    deliveries = DeliveryLeases(client, LEASE_S)
    held = [
        *(worker.enter(make.converting()) for _ in range(3)),
        *(worker.post(make.queued()) for _ in range(3)),
        *(deliveries.acquire(make.ready().id) for _ in range(3)),
    ]
    keys = [KEYS.turnstile(it.entry.id) for it in held[:6]]
    keys += [KEYS.delivery(it.entry.id) for it in held[6:]]
    for key in keys:
        client.pexpire(key, 5000)
    dates.set(1.0, *(it.entry.id for it in held))
    with ExitStack() as kept:
        for each in held:
            kept.enter_context(silent.renewing(each))
        client.config_resetstat()
        silent.beat()
        scripts = client.info("commandstats")["cmdstat_evalsha"]["calls"]

    # Refused once where the server does not know the script yet.
    assert scripts <= 2
    assert all(client.pttl(key) > 25_000 for key in keys)
    now = worker.ledger.now()
    assert all(dates.of(it.entry.id) > now + LEASE_S for it in held)


def test_a_beat_brings_back_nothing_that_has_ended(silent, worker, make, dates):
    """The caller was told while the beat was on its way."""
    passed = worker.post(make.queued())
    with silent.renewing(passed):
        dates.forget(passed.entry.id)
        silent.beat()

    assert dates.of(passed.entry.id) is None


def test_a_lease_of_a_wrong_type_keeps_no_other_from_its_beat(silent, worker, make, client):
    damaged, other = (worker.enter(make.converting()) for _ in range(2))
    client.delete(KEYS.turnstile(damaged.entry.id))
    client.hset(KEYS.turnstile(damaged.entry.id), "of a", "wrong type")
    client.pexpire(KEYS.turnstile(other.entry.id), 1000)
    with silent.renewing(damaged), silent.renewing(other):
        silent.beat()

    assert client.pttl(KEYS.turnstile(other.entry.id)) > 25_000


def test_work_that_takes_longer_than_it_may_is_left_to_others(ledger, make, client, dates, worker):
    """A process that is stuck lives, and its heart beats for ever."""
    now = [0.0]
    heartbeat = Heartbeat(ledger, LEASE_S, every_s=1e6, clock=lambda: now[0])
    passed = worker.enter(make.converting())
    key = KEYS.turnstile(passed.entry.id)
    with heartbeat.renewing(passed, most_s=100.0):
        now[0] = 100.0
        client.pexpire(key, 1000)
        dates.set(1.0, passed.entry.id)
        heartbeat.beat()
        assert client.pttl(key) > 1000
        assert dates.of(passed.entry.id) > ledger.now()

        now[0] = 100.1
        client.pexpire(key, 50)
        dates.set(1.0, passed.entry.id)
        heartbeat.beat()
        assert client.pttl(key) <= 50
        _await(lambda: worker.enter(replace(passed.entry)))


def test_work_of_several_parts_may_take_as_long_for_each(ledger, make, client, dates):
    now = [0.0]
    heartbeat = Heartbeat(ledger, LEASE_S, every_s=1e6, clock=lambda: now[0])
    lease = DeliveryLeases(client, LEASE_S).acquire(make.ready().id)
    with heartbeat.renewing(lease, most_s=100.0) as work:
        now[0] = 90.0
        work.may_take(100.0)
        now[0] = 180.0
        dates.set(1.0, lease.entry.id)
        heartbeat.beat()

    assert dates.of(lease.entry.id) > ledger.now()
