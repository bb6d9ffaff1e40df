"""A script is not rolled back: what it can't do whole, it must not begin."""

from __future__ import annotations

from contextlib import closing

import pytest

from conveyor.domain.answers import RemoteFile, Result
from conveyor.domain.conversion import Failure, FailureKind, State, StoredFile
from conveyor.errors import LedgerUnavailable
from conveyor.ledger import Ledger, connect
from conveyor.ledger.delivery_lease import DeliveryLeases
from conveyor.ledger.keys import Keys
from conveyor.ledger.leftover import Leftover

KEYS = Keys()

FAILURE = Failure(FailureKind.SERVICE, "Broken.", code=5001, status=500)
FILES = (StoredFile("a.pdf", "file:///a.pdf", 3, "00"),)
# The most that Lua, and JSON, count without loss.
MOST = 2**53 - 1
JOB_ID = "0" * 32


PAUSE = f"{KEYS.bell('poll')}:pause"
COUNTING = {
    "later": ("polls", lambda it, entry, way: it.poll_later(entry, 1, confirmed=True, failed=True)),
    "ready": ("polls", lambda it, entry, way: it.ready(entry, RESULT, leaving=way)),
    "put_back": ("consecutive_failures", lambda it, entry, way: it.put_back(entry, 1, "note")),
    "failed": ("turn", lambda it, entry, way: it.failed(entry, FAILURE, leaving=way)),
    "cancelled": ("turn", lambda it, entry, way: it.cancelled(entry)),
    "stumbled": ("stumbles", lambda it, entry, way: it.stumbled(entry, 1)),
}
RESULT = Result(1, (RemoteFile("a.pdf", "https://v2.convertapi.com/d/x", 3),))


@pytest.mark.parametrize("value", ["x", "", "1e300", str(MOST), "0.5", "nan"])
@pytest.mark.parametrize(("field", "change"), COUNTING.values(), ids=COUNTING)
def test_a_counter_that_can_not_be_raised_leaves_nothing_half_written(
    *, ledger, make, client, everything, worker, field, change, value
):
    passed = worker.enter(make.converting())
    entry = passed.entry
    # The turn is guarded: what is written there must be what the caller saw.
    client.hset(KEYS.conversion(entry.id), field, value)
    before = everything()

    try:
        done = change(ledger, entry, passed.leaving)
    except LedgerUnavailable:
        done = None

    after = everything()
    # Whoever asked is out all the same.
    before.pop(KEYS.turnstile(entry.id))
    after.pop(KEYS.turnstile(entry.id))
    # A claim's pause lapses by itself.
    before.pop(PAUSE, None)
    after.pop(PAUSE, None)
    assert done is None
    assert after == before


@pytest.mark.parametrize("value", ["x", "1e300", "9e15", str(MOST), "-9e99", "inf", "nan"])
@pytest.mark.parametrize("name", ["cost", "polls", "succeeded", "service", "stored_sum_ms"])
def test_a_damaged_count_of_the_fleet_stops_no_conversion(
    *, ledger, make, client, worker, name, value
):
    """It is counted wrong, and nothing else is wrong."""
    entry, other = make.converting(), make.converting()
    passed = worker.enter(entry)
    client.hset(KEYS.counts, name, value)

    ready = ledger.ready(passed.entry, Result(10**9, RESULT.files), leaving=passed.leaving)
    done = ledger.succeeded(ready, FILES)
    buried = ledger.failed(other, FAILURE)

    assert (done.state, done.cost) == (State.SUCCEEDED, 10**9)
    assert buried.state is State.FAILED
    counts = client.hgetall(KEYS.counts)
    assert all(0 <= int(count) <= MOST for count in counts.values())
    others = {"polls": 1, "succeeded": 1, "service": 1, "cost": 10**9}
    others.pop(name, None)
    assert {key: int(counts[key]) for key in others} == others


def _wrong(client, key):
    client.delete(key)
    client.hset(key, "of a", "wrong type")


OF_ONE = {
    "turnstile": KEYS.turnstile,
    "delivery": KEYS.delivery,
}
CHANGES = {
    "later": lambda it, entry: it.poll_later(entry, 1, confirmed=True, failed=False),
    "later with a note": lambda it, entry: it.poll_later(
        entry, 1, confirmed=True, failed=False, note="n"
    ),
    "started": lambda it, entry: it.started(entry, JOB_ID, 1),
    "ready": lambda it, entry: it.ready(entry, RESULT),
    "failed": lambda it, entry: it.failed(entry, FAILURE),
    "put_back": lambda it, entry: it.put_back(entry, 1, "note"),
}


@pytest.mark.parametrize("key_of", OF_ONE.values(), ids=OF_ONE)
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_key_of_a_wrong_type_leaves_nothing_half_written(
    *, ledger, make, client, everything, key_of, change
):
    entry = make.converting()
    _wrong(client, key_of(entry.id))
    before = everything()

    with pytest.raises(LedgerUnavailable):
        change(ledger, entry)

    assert everything() == before


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_events_that_are_not_a_list_are_replaced(*, ledger, make, client, change):
    entry = make.converting()
    _wrong(client, KEYS.events(entry.id))

    noted = change(ledger, entry)

    assert noted == ledger.get(entry.id)
    ledger.cancelled(noted)
    assert ledger.events(entry.id)[-1].state in (State.CANCELLED, State.FAILED)


@pytest.mark.parametrize("damage", ["x", "9223372036854775807"])
def test_a_delivery_that_can_not_be_counted_takes_no_lease(
    ledger, make, client, everything, damage
):
    entry = make.ready()
    client.hset(KEYS.conversion(entry.id), "deliveries", damage)
    before = everything()

    with pytest.raises(LedgerUnavailable):
        DeliveryLeases(client, 15.0).acquire(entry.id)

    assert everything() == before


@pytest.mark.parametrize("text", ["\ud800", "a\udfffb", "\x00", "\u2028", "„ä“ 🎉", "\\ud800"])
def test_text_that_redis_json_does_not_read_is_written_whole_or_cleaned(ledger, make, text):
    entry = ledger.poll_later(make.converting(), 1, confirmed=True, failed=False, note=text)
    failure = Failure(FailureKind.SERVICE, text, answer=text)
    dead = ledger.failed(entry, failure)

    assert dead.state is State.FAILED
    assert ledger.get(entry.id) == dead
    assert ledger.replay(dead).state is State.QUEUED


def test_an_end_with_a_leftover_that_redis_json_does_not_read_is_noted(ledger, make, client):
    entry = ledger.succeeded(make.ready(), FILES)
    leftover = Leftover(url="https://v2.convertapi.com/d/\ud800")

    ledger.delivered(entry.id, is_dead=False, leftovers=[leftover])

    assert ledger.get(entry.id).delivered
    assert client.zcard(KEYS.leftovers) == 1


def test_a_user_without_a_right_to_channels_undoes_nothing(ledger, make, valkey_server):
    entry = make.queued()
    with closing(valkey_server.client()) as admin:
        admin.acl_setuser(
            "silent", enabled=True, passwords=["+s"], keys=["*"], commands=["+@all"], reset=True
        )
        address = valkey_server.url().partition("@")[2]
        with closing(connect(f"redis://silent:s@{address}")) as silent:
            noted = Ledger(silent).submit_later(entry, 1.0, "note")
        admin.acl_deluser("silent")

    assert noted.note == "note"
    assert ledger.events(entry.id)[-1].note == "note"
