"""What is to be deleted at the service, in a real Valkey, claimed by two at once."""

from __future__ import annotations

import threading
import time
from contextlib import closing

import pytest

from conveyor.domain.dialect import Dialect
from conveyor.domain.rules import FILE_LIFE_S, JOB_LIFE_S
from conveyor.errors import LedgerUnavailable
from conveyor.ledger import connect
from conveyor.ledger.keys import Keys
from conveyor.ledger.leftover import Leftover
from conveyor.ledger.leftovers import Leftovers

KEYS = Keys()

LEASE_S = 60.0
JOB = Leftover("https://eu-v2.convertapi.com", Dialect.QUERY, "a-job-id")
UNSEEN = Leftover("https://eu-v2.convertapi.com", Dialect.PATH, "0" * 32, seen=False)
FILE = Leftover(url="https://eu-v2.convertapi.com/d/abc")


@pytest.fixture
def leftovers(client):
    return Leftovers(client)


@pytest.fixture
def another(redis_url):
    """The same of another process."""
    with closing(connect(redis_url)) as client:
        yield Leftovers(client)


@pytest.fixture
def rush(client):
    """Make everything due, whatever waits or is claimed."""

    def run():
        for leftover_id in client.zrange(KEYS.leftovers, 0, -1):
            client.zadd(KEYS.leftovers, {leftover_id: 1})

    return run


@pytest.fixture
def due(leftovers, rush):
    def make(*noted):
        leftovers.add(noted)
        rush()

    return make


def _files(count):
    return [Leftover(url=f"https://v2.convertapi.com/d/{number}") for number in range(count)]


def _noted(client):
    """Of the only one: until when the service keeps it, and its failures."""
    (noted,) = client.hvals(KEYS.leftover_records)
    ends, failures, _ = noted.split(" ", 2)
    return int(ends), int(failures)


def _note(client, noted):
    """By hand."""
    client.zadd(KEYS.leftovers, {"by hand": 2})
    client.hset(KEYS.leftover_records, "by hand", noted)


def test_noted_values_are_read_back_unchanged(leftovers, due):
    due(JOB, UNSEEN, FILE)
    claimed = leftovers.claim(10, LEASE_S)

    assert sorted(claimed, key=repr) == sorted([JOB, UNSEEN, FILE], key=repr)
    assert {leftover.failures for leftover in claimed} == {0}
    assert leftovers.count() == 3


def test_the_first_try_waits_for_redis_to_write(leftovers, client):
    leftovers.add([FILE])

    assert leftovers.claim(10, LEASE_S) == []
    (score,) = [score for _, score in client.zrange(KEYS.leftovers, 0, -1, withscores=True)]
    assert 0 < score - time.time() <= 5.0


@pytest.mark.parametrize(("leftover", "life_s"), [(JOB, JOB_LIFE_S), (FILE, FILE_LIFE_S)])
def test_its_life_ends_by_the_servers_clock(leftovers, client, leftover, life_s):
    now = client.time()[0]
    leftovers.add([leftover])

    ends, _ = _noted(client)
    assert now <= ends - life_s <= now + 60


def test_two_that_claim_at_once_share(leftovers, another, due):
    due(*_files(200))
    found, start = [], threading.Barrier(2)

    def take(mine):
        start.wait(60)
        while batch := mine.claim(7, LEASE_S):
            found.extend(batch)

    threads = [threading.Thread(target=take, args=(it,)) for it in (leftovers, another)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert len(found) == len({leftover.url for leftover in found}) == 200


def test_claimed_conversion_is_left_alone_until_the_lease_ends(leftovers, another, due):
    due(FILE)
    assert leftovers.claim(10, 0.2) == [FILE]
    assert another.claim(10, LEASE_S) == []
    # Whoever claimed it has died.
    deadline = time.monotonic() + 60
    while not (again := another.claim(10, LEASE_S)):
        assert time.monotonic() < deadline
        time.sleep(0.02)

    assert again == [FILE]


def test_missing_files_are_counted(leftovers, due, client):
    due(JOB, FILE)
    claimed = leftovers.claim(10, LEASE_S)
    leftovers.done(claimed)
    leftovers.done(claimed)

    assert leftovers.count() == 0
    assert client.hgetall(KEYS.counts) == {"deleted": "2"}


def test_failed_deletion_is_counted_separately(leftovers, due, client):
    due(FILE)
    leftovers.give_up(leftovers.claim(10, LEASE_S))

    assert leftovers.count() == 0
    assert client.hgetall(KEYS.counts) == {"not_deleted": "1"}


def test_failures_are_counted_and_its_life_stays(leftovers, due, rush, client):
    due(JOB)
    ends, _ = _noted(client)
    for failures in (1, 2, 3):
        (claimed,) = leftovers.claim(10, LEASE_S)
        leftovers.later(claimed, 0)
        assert _noted(client) == (ends, failures)
        rush()

    (claimed,) = leftovers.claim(10, LEASE_S)
    assert (claimed, claimed.failures) == (JOB, 3)


def test_postponed_conversion_waits(leftovers, due, client):
    due(JOB)
    now = client.time()[0]
    leftovers.later(leftovers.claim(10, LEASE_S)[0], 300)

    (score,) = [score for _, score in client.zrange(KEYS.leftovers, 0, -1, withscores=True)]
    assert 300 <= score - now <= 360
    assert leftovers.claim(10, LEASE_S) == []


def test_returned_conversion_is_due_and_has_not_failed(leftovers, another, due):
    due(JOB, FILE)
    leftovers.give_back(leftovers.claim(10, LEASE_S))

    again = another.claim(10, LEASE_S)
    assert [leftover.failures for leftover in again] == [0, 0]


@pytest.mark.parametrize("call", ["later", "give_back"])
def test_one_that_comes_late_brings_nothing_back(leftovers, another, due, call):
    due(FILE)
    (late,) = leftovers.claim(10, 0)
    another.done(another.claim(10, LEASE_S))
    if call == "later":
        leftovers.later(late, 0)
    else:
        leftovers.give_back([late])

    assert leftovers.count() == 0


def test_leftover_expired_at_the_service_is_dropped(leftovers, client):
    _note(client, f'{client.time()[0] - 1} 3 {{"url": "/d/x"}}')

    assert leftovers.claim(10, LEASE_S) == []
    assert leftovers.count() == client.hlen(KEYS.leftover_records) == 0
    assert client.hgetall(KEYS.counts) == {"not_deleted": "1"}


@pytest.mark.parametrize("garbage", ["", "{", "x 0 {}", "1 {}", "9999999999 -1 {}", " 1 2"])
def test_garbage_keeps_nothing_from_the_others(leftovers, due, client, garbage):
    due(FILE)
    _note(client, garbage)

    assert leftovers.claim(10, LEASE_S) == [FILE]
    assert leftovers.count() == 1


@pytest.mark.parametrize("record", ['{"token": "x"}', "", "{", "[]", "null", '"x"', "{}"])
def test_entries_of_a_newer_version_are_left_alone(leftovers, due, client, record):
    due(FILE)
    _note(client, f"{client.time()[0] + 1000} 0 {record}")

    assert leftovers.claim(10, LEASE_S) == [FILE]
    assert leftovers.count() == 2


def test_the_latest_come_first(leftovers, client):
    """What fails again and again must not keep what was never tried."""
    leftovers.add([FILE, JOB])
    client.zadd(KEYS.leftovers, {FILE.id: 1, JOB.id: 2})

    assert leftovers.claim(1, LEASE_S) == [JOB]
    assert leftovers.claim(1, LEASE_S) == [FILE]


def test_pause_stops_claims(leftovers, another, due, client):
    due(FILE)
    leftovers.pause(60)
    assert another.claim(10, LEASE_S) == []
    client.pexpire(KEYS.leftovers_pause, 1)
    deadline = time.monotonic() + 60
    while not (found := another.claim(10, LEASE_S)):
        assert time.monotonic() < deadline

    assert found == [FILE]


def test_text_that_redis_can_not_read_is_noted_all_the_same(leftovers, due):
    odd = [Leftover("https://v2.convertapi.com", job_id="a\ud800b"), Leftover(url="/d/\udfff")]
    due(*odd)

    assert sorted(leftovers.claim(10, LEASE_S), key=repr) == sorted(odd, key=repr)


def test_twice_noted_file_is_deleted_once(leftovers, due):
    due(JOB, FILE)
    leftovers.add([FILE, JOB])

    assert leftovers.count() == 2


def test_an_id_tells_nothing_and_no_text_shows_what_is_secret():
    assert JOB.id != UNSEEN.id != FILE.id
    for leftover, secret in ((JOB, "a-job-id"), (FILE, "/d/abc")):
        assert secret not in repr(leftover)
        assert secret not in leftover.id


@pytest.mark.parametrize(
    "call",
    [
        lambda it: it.add([FILE]),
        lambda it: it.claim(1, 1),
        lambda it: it.done([FILE]),
        lambda it: it.give_up([FILE]),
        lambda it: it.give_back([FILE]),
        lambda it: it.pause(1),
        lambda it: it.count(),
    ],
)
def test_redis_away_is_reported(call):
    with closing(connect("redis://127.0.0.1:1/0")) as client, pytest.raises(LedgerUnavailable):
        call(Leftovers(client))


def test_nothing_asks_nothing_of_redis():
    with closing(connect("redis://127.0.0.1:1/0")) as client:
        leftovers = Leftovers(client)
        leftovers.add([])
        leftovers.done([])
        leftovers.give_back([])
