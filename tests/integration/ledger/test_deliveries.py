from __future__ import annotations

import time

import pytest

from conveyor.ledger.delivery_lease import DeliveryLeases
from conveyor.ledger.keys import Keys

KEYS = Keys()


@pytest.fixture
def deliveries(client):
    return DeliveryLeases(client, lease_s=30.0)


@pytest.fixture
def entry(make):
    return make.ready()


def test_one_delivers_at_a_time(deliveries, client, entry):
    lease = deliveries.acquire(entry.id)
    assert lease.entry.deliveries == 1
    assert DeliveryLeases(client, lease_s=30.0).acquire(entry.id) is None

    lease.release()
    assert DeliveryLeases(client, lease_s=30.0).acquire(entry.id).entry.deliveries == 2


def test_only_the_holder_ends_the_lease(deliveries, client, entry):
    lapsed = deliveries.acquire(entry.id)
    client.delete(KEYS.delivery(entry.id))
    holder = deliveries.acquire(entry.id)
    lapsed.release()

    assert not lapsed.renew()
    assert holder.renew()
    assert deliveries.acquire(entry.id) is None


def test_unknown_conversion_is_not_delivered(deliveries, client):
    assert deliveries.acquire("nobody") is None
    assert client.keys() == []


def test_delivery_is_overdue_after_its_lease_lapses(deliveries, client, dates, entry):
    """If the holder dies, whoever is woken finds nobody at it."""
    before = time.time()
    deliveries.acquire(entry.id)
    due = dates.of(entry.id)

    # The lease begins on the way, a little after the time that we tell.
    assert before + 30 < due < time.time() + 35
    assert client.pttl(KEYS.delivery(entry.id)) <= 30_000


def test_delivered_conversion_does_not_become_due(deliveries, dates, entry):
    dates.forget(entry.id)
    deliveries.acquire(entry.id)

    assert dates.of(entry.id) is None
