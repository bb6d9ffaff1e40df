"""What a caller sees of a conversion that the account keeps waiting, and nobody has touched."""

from __future__ import annotations

import asyncio
import time

import pytest

from conveyor import WaitTimeout
from conveyor.ledger.governor import Governor
from conveyor.ledger.keys import Keys

KEYS = Keys()

ACCOUNT = "v2.convertapi.com"
REASON = "The balance is used up. Buy conversions, then run: conveyor account resume."
ON_HOLD = f"the account is on hold: {REASON}"
FULL = "the account is at its limit: waits for its one job to end"


@pytest.fixture
def fleet(fleet_of):
    return fleet_of(jobs=1)


@pytest.fixture
def age(client):
    """Let what is queued have been due for a while."""

    def run(seconds=60):
        for conversion_id, due in client.zrange(KEYS.due("submit"), 0, -1, withscores=True):
            client.zadd(KEYS.due("submit"), {conversion_id: due - seconds})

    return run


@pytest.fixture
def full(fleet, age):
    """The ids of one that runs, and of one that waits for its place."""
    ids = fleet.open(2)
    fleet.start(*fleet.claim().passes)
    assert not fleet.taken()
    age()
    return ids


def notes(conveyor, conversion_id):
    """What each way to look says."""
    looked = conveyor.status(conversion_id).progress
    handle = conveyor.handle(conversion_id)
    page = conveyor.list()
    (listed,) = [
        status.progress for status in page.statuses if status.conversion.id == conversion_id
    ]
    shown = [looked, listed, handle.progress(), asyncio.run(handle.aprogress())]
    (said,) = {(it.note, it.held) for it in shown}
    return said


def test_one_that_was_never_claimed_says_that_the_account_is_on_hold(conveyor, fleet):
    (waiting,) = fleet.open()
    fleet.governor.hold(REASON)

    assert notes(conveyor, waiting) == (ON_HOLD, True)


def test_after_the_hold_the_note_is_gone(conveyor, fleet, age):
    (waiting,) = fleet.open()
    fleet.governor.hold(REASON)
    fleet.claim()
    fleet.governor.resume()
    age()

    assert notes(conveyor, waiting) == ("", False)


def test_one_that_waits_for_a_place_says_so(conveyor, full):
    running, waiting = full

    assert notes(conveyor, waiting) == (FULL, False)
    assert notes(conveyor, running) == ("", False)


def test_one_that_may_go_immediately_waits_for_nothing(conveyor, fleet):
    fleet.start(fleet.open() and fleet.claim().passes[0])
    (just_now,) = fleet.open()

    assert notes(conveyor, just_now) == ("", False)


def test_one_that_waits_for_the_rate_says_how_fast_it_goes(conveyor, fleet_of, client, age):
    fleet = fleet_of()
    fleet.open(2)
    fleet.claim(1)
    client.hset(KEYS.account(ACCOUNT), mapping={"rate": 1, "rate_at": time.time()})
    age()
    (waiting,) = client.zrange(KEYS.due("submit"), 0, 0)
    note, is_held = notes(conveyor, waiting)

    assert note.startswith("ConvertAPI throttles the account: ")
    assert note.endswith(" submits a second")
    assert not is_held


def test_note_of_the_last_try_stays_until_the_next(conveyor, fleet_of, client):
    fleet = fleet_of()
    fleet.open()
    (passed,) = fleet.claim().passes
    fleet.ledger.put_back(fleet.post(passed), 60, "ConvertAPI is throttling")
    client.hset(KEYS.account(ACCOUNT), mapping={"rate": 1, "rate_at": time.time()})

    assert notes(conveyor, passed.entry.id) == ("ConvertAPI is throttling", False)


def test_held_account_does_not_block_the_other_accounts_conversions(conveyor, fleet, client):
    fleet.governor.hold(REASON)
    client.sadd(KEYS.accounts, "other")
    (waiting,) = fleet.open()

    assert notes(conveyor, waiting) == ("", False)

    Governor(client, "other", 5.0, 0).hold("Refused.")
    assert notes(conveyor, waiting)[1]


def test_timeout_says_what_the_conversion_waits_for(conveyor, full):
    handle = conveyor.handle(full[1])

    with pytest.raises(WaitTimeout, match="waits for its one job to end"):
        handle.wait(timeout=0.1)
    with pytest.raises(WaitTimeout, match="waits for its one job to end"):
        asyncio.run(handle.await_(timeout=0.1))
