"""How long a lease lives: begun, renewed, and begun by the note of a result."""

from __future__ import annotations

import pytest

from conveyor.ledger.delivery_lease import DeliveryLeases
from conveyor.ledger.keys import Keys

KEYS = Keys()

LEASE_S = 30.0
# Of a lease that has just begun so much is left at the least, however slow the machine is.
LEFT_MS = range(20_000, 30_001)


@pytest.fixture
def deliveries(client):
    return DeliveryLeases(client, lease_s=LEASE_S)


@pytest.fixture
def left_ms(client):
    """How long the lease of a delivery lives from now on."""
    return lambda entry: client.pttl(KEYS.delivery(entry.id))


def test_lease_that_is_taken_lives_for_its_whole_length(deliveries, make, left_ms):
    entry = make.ready()
    deliveries.acquire(entry.id)

    assert left_ms(entry) in LEFT_MS


def test_lease_that_is_renewed_lives_for_its_whole_length_again(deliveries, make, client, left_ms):
    entry = make.ready()
    lease = deliveries.acquire(entry.id)
    client.pexpire(KEYS.delivery(entry.id), 5_000)

    assert lease.renew()
    assert left_ms(entry) in LEFT_MS


def test_lease_that_another_has_taken_is_not_renewed_for_him(deliveries, make, client, left_ms):
    entry = make.ready()
    lapsed = deliveries.acquire(entry.id)
    client.set(KEYS.delivery(entry.id), "another's", px=5_000)

    assert not lapsed.renew()
    assert left_ms(entry) <= 5_000


def test_note_of_a_result_begins_a_lease_of_the_same_length(
    *, deliveries, ledger, make, client, left_ms
):
    taking = deliveries.taking()
    noted = ledger.ready(make.converting(), make.result, taking=taking)
    lease = deliveries.taken(noted, taking)

    assert left_ms(noted) in LEFT_MS
    assert client.get(KEYS.delivery(noted.id)) == lease.token
    assert lease.renew()
    lease.release()
    assert client.exists(KEYS.delivery(noted.id)) == 0


def test_no_two_leases_have_the_same_token(deliveries, make):
    tokens = {deliveries.acquire(make.ready().id).token for _ in range(3)}
    tokens |= {deliveries.taking().token for _ in range(3)}

    assert len(tokens) == 6
