from __future__ import annotations

import subprocess
import sys
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from conveyor.conversion import Failure, FailureKind
from conveyor.ledger import connect
from conveyor.ledger.keys import Keys
from conveyor.turnstile import Turnstile

KEYS = Keys()

ROOT = Path(__file__).parents[3]
SPACING_S = 0.2


@pytest.fixture
def turnstile(client):
    return Turnstile(client, SPACING_S, lease_s=30.0)


@pytest.fixture
def entry(make):
    return make.converting()


def test_one_gets_in_and_the_next_learns_how_long_it_is_closed(turnstile, entry):
    first = turnstile.enter(entry.id, entry.wakeup)
    second = turnstile.enter(entry.id, entry.wakeup)

    assert (first.granted, second.granted) == (True, False)
    assert 0 < second.wait_s <= 30
    assert first.entry == entry


@pytest.mark.parametrize("number", [0, 2, 99])
def test_a_poll_that_is_not_awaited_is_turned_away(turnstile, entry, client, number):
    assert entry.wakeup == 1
    assert turnstile.enter(entry.id, number) is None
    assert not client.exists(KEYS.turnstile(entry.id))


@pytest.mark.parametrize("state", ["queued", "ready"])
def test_only_what_is_converting_is_polled(turnstile, make, state):
    entry = getattr(make, state)()

    assert turnstile.enter(entry.id, entry.wakeup) is None


def test_nobody_polls_what_does_not_exist(turnstile, client):
    assert turnstile.enter("nobody", 0) is None
    assert client.keys() == []


def test_conversions_do_not_wait_for_each_other(turnstile, make):
    one, other = make.converting(), make.converting()

    assert turnstile.enter(one.id, one.wakeup).granted
    assert turnstile.enter(other.id, other.wakeup).granted


def test_after_one_left_it_stays_closed_for_the_spacing(turnstile, entry):
    passed = turnstile.enter(entry.id, entry.wakeup)
    begun = time.monotonic()
    assert turnstile.leave(passed)
    while not turnstile.enter(entry.id, entry.wakeup).granted:
        assert time.monotonic() - begun < 10
        time.sleep(0.002)

    assert time.monotonic() - begun >= SPACING_S


def test_who_waits_as_long_as_told_gets_in(client, entry):
    turnstile = Turnstile(client, 3.0, lease_s=30.0)
    turnstile.leave(turnstile.enter(entry.id, entry.wakeup))
    closed = turnstile.enter(entry.id, entry.wakeup)
    assert not closed.granted
    time.sleep(closed.wait_s + 0.005)

    assert turnstile.enter(entry.id, entry.wakeup).granted


def test_a_lease_lapses_so_that_a_dead_holder_frees_the_way(client, entry):
    turnstile = Turnstile(client, SPACING_S, lease_s=0.1)
    assert turnstile.enter(entry.id, entry.wakeup).granted
    time.sleep(0.12)

    assert turnstile.enter(entry.id, entry.wakeup).granted


def test_who_comes_back_too_late_does_not_open_it_for_others(client, entry):
    """The lease ran out and another is in: to leave must not shorten the other's lease."""
    quick = Turnstile(client, SPACING_S, lease_s=0.05)
    late = quick.enter(entry.id, entry.wakeup)
    time.sleep(0.07)
    slow = Turnstile(client, SPACING_S, lease_s=30.0)
    assert slow.enter(entry.id, entry.wakeup).granted
    before = client.get(KEYS.turnstile(entry.id))

    assert slow.leave(late) is False
    assert client.get(KEYS.turnstile(entry.id)) == before
    assert client.pttl(KEYS.turnstile(entry.id)) > 25_000


def test_who_is_in_is_overdue_once_the_lease_has_lapsed(turnstile, entry, client):
    """If it dies, whoever is woken finds the way open."""
    before = time.time()
    turnstile.enter(entry.id, entry.wakeup)
    due = client.zscore(KEYS.due, entry.id)

    # The lease begins on the way, a little after the time that we tell.
    assert before + 30.5 < due < time.time() + 35
    assert client.pttl(KEYS.turnstile(entry.id)) <= 30_000


def test_who_finds_it_closed_puts_nothing_off(turnstile, entry, client):
    turnstile.enter(entry.id, entry.wakeup)
    due = client.zscore(KEYS.due, entry.id)
    Turnstile(client, SPACING_S, lease_s=300.0).enter(entry.id, entry.wakeup)

    assert client.zscore(KEYS.due, entry.id) == due


def test_what_has_ended_does_not_become_due(turnstile, entry, client):
    client.zrem(KEYS.due, entry.id)
    turnstile.enter(entry.id, entry.wakeup)

    assert client.zscore(KEYS.due, entry.id) is None


def test_a_foreign_token_changes_nothing(turnstile, entry, client):
    passed = turnstile.enter(entry.id, entry.wakeup)

    assert turnstile.leave(replace(passed, token="guessed")) is False
    assert client.pttl(KEYS.turnstile(entry.id)) > 25_000


LEAVING = {
    "later": lambda ledger, make, entry, way: ledger.later(
        entry, 1, alive=True, strike=False, leaving=way
    ),
    "ready": lambda ledger, make, entry, way: ledger.ready(entry, make.result, leaving=way),
    "put_back": lambda ledger, make, entry, way: ledger.put_back(
        entry, 1, "", lost=True, leaving=way
    ),
    "failed": lambda ledger, make, entry, way: ledger.failed(
        entry, Failure(FailureKind.SERVICE, "x"), leaving=way
    ),
    "expired": lambda ledger, make, entry, way: ledger.expired(
        entry, Failure(FailureKind.EXPIRED, "x"), leaving=way
    ),
}


@pytest.mark.parametrize("refused", [False, True], ids=["noted", "refused"])
@pytest.mark.parametrize("name", LEAVING)
def test_the_transition_that_notes_a_poll_leaves_for_it(*, ledger, make, client, name, refused):
    turnstile = Turnstile(client, 10.0, lease_s=30.0)
    entry = make.converting()
    passed = turnstile.enter(entry.id, entry.wakeup)
    if refused:
        ledger.failed(entry, Failure(FailureKind.SERVICE, "meanwhile"))
    noted = LEAVING[name](ledger, make, entry, passed.leaving)

    assert (noted is None) is refused
    assert 0 < client.pttl(KEYS.turnstile(entry.id)) <= 10_070
    if noted is not None:
        assert noted.polls == 1


def test_a_late_transition_does_not_open_it_for_others(turnstile, ledger, client, entry):
    foreign = replace(turnstile.enter(entry.id, entry.wakeup), token="old")
    ledger.later(entry, 1, alive=True, strike=False, leaving=foreign.leaving)

    assert client.pttl(KEYS.turnstile(entry.id)) > 25_000


def test_an_enter_whose_reply_was_lost_does_not_lock_itself_out(line, url_through, make):
    """Else the poll would wait for its own lease, a minute and more."""
    entry, warm = make.converting(), make.converting()
    with closing(connect(url_through)) as through:
        turnstile = Turnstile(through, SPACING_S, lease_s=30.0)
        turnstile.enter(warm.id, warm.wakeup)  # the script is loaded
        line.lose_the_reply_to(b"EVALSHA")
        passed = turnstile.enter(entry.id, entry.wakeup)

    assert line.lost == 1
    assert passed.granted


_RACE = """
import sys
from conveyor.ledger import connect
from conveyor.turnstile import Turnstile
turnstile = Turnstile(connect(sys.argv[1]), 0.2, 30.0)
turnstile.enter("nobody", 0)
print("ready", flush=True)
sys.stdin.readline()
for conversion_id in sys.argv[2:]:
    passed = turnstile.enter(conversion_id, 1)
    print(int(passed is not None and passed.granted), flush=True)
"""


def test_of_many_processes_one_gets_in(make, redis_url):
    entries = [make.converting() for _ in range(50)]
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", _RACE, redis_url, *(entry.id for entry in entries)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for racer in racers:
        assert racer.stdout.readline() == "ready\n"
    for racer in racers:
        racer.stdin.write("go\n")
        racer.stdin.flush()
    entered = [list(map(int, racer.communicate(timeout=30)[0].split())) for racer in racers]

    assert [sum(each) for each in zip(*entered, strict=True)] == [1] * len(entries)
