from __future__ import annotations

import subprocess
import sys
import time
from itertools import chain
from pathlib import Path

import pytest

from conveyor.canvas import Caller
from conveyor.conversion import Failure, FailureKind, State, StoredFile
from conveyor.errors import UnknownConversion
from conveyor.ledger.keys import Keys

KEYS = Keys()

ROOT = Path(__file__).parents[3]
FAILURE = Failure(FailureKind.SERVICE, "Broken.")
FILES = (StoredFile("a.pdf", "file:///a.pdf", 3, "00"),)
SIGNATURE = {"task": "web.notify", "args": [], "kwargs": {}, "options": {}}


def _make_overdue(client, *ids):
    client.zadd(KEYS.due, dict.fromkeys(ids, time.time() - 1))


# -- due --------------------------------------------------------------------------------------


def test_whoever_waits_is_due_until_told(ledger, make, client):
    """Whatever the state, a lost message is found by the sweep (invariant I2)."""
    entry = make.queued()
    steps = [
        lambda it: ledger.delayed(it, 1, ""),
        make.submitting,
        lambda it: ledger.put_back(it, 1, "", lost=False),
        make.submitting,
        lambda it: ledger.ask_first(it, 1, ""),
        lambda it: ledger.started(it, "j", 1),
        lambda it: ledger.later(it, 1, alive=True, strike=False),
        lambda it: ledger.ready(it, make.result),
        lambda it: ledger.hold(it, 1, ""),
        lambda it: ledger.succeeded(it, FILES),
    ]
    for step in steps:
        assert client.zscore(KEYS.due, entry.id) > time.time()
        client.zrem(KEYS.due, entry.id)
        entry = step(entry)
    assert client.zscore(KEYS.due, entry.id) > time.time()

    ledger.told(entry.id, is_dead=False)
    assert client.zscore(KEYS.due, entry.id) is None


def test_what_is_due_later_is_left_alone(ledger, make):
    make.queued()

    assert ledger.claim_overdue(10, 60).entries == []


def test_what_was_claimed_is_left_to_the_claimer_for_a_while(ledger, make, client):
    entry = make.queued()
    _make_overdue(client, entry.id)

    assert ledger.claim_overdue(10, 60).entries == [entry]
    assert ledger.claim_overdue(10, 60).entries == []
    assert client.zscore(KEYS.due, entry.id) == pytest.approx(time.time() + 60, abs=5)


def test_a_claim_lapses(ledger, make, client):
    entry = make.queued()
    _make_overdue(client, entry.id)
    ledger.claim_overdue(10, 0.01)
    time.sleep(0.02)

    assert ledger.claim_overdue(10, 60).entries == [entry]


def test_a_claim_is_bounded(ledger, make, client):
    ids = {make.queued().id for _ in range(5)}
    _make_overdue(client, *ids)
    claimed = [{entry.id for entry in ledger.claim_overdue(3, 60).entries} for _ in range(3)]

    assert [len(part) for part in claimed] == [3, 2, 0]
    assert set.union(*claimed) == ids


def test_an_id_without_an_entry_leaves_the_index(ledger, make, client):
    entry = make.queued()
    _make_overdue(client, entry.id, "gone")

    assert ledger.claim_overdue(10, 60).entries == [entry]
    assert client.zscore(KEYS.due, "gone") is None


_CLAIM = """
import sys
from conveyor.ledger import Ledger, connect
ledger = Ledger(connect(sys.argv[1]))
sys.stdin.readline()
while claimed := ledger.claim_overdue(7, 60).entries:
    print(*(entry.id for entry in claimed), sep="\\n")
"""


def test_sweeps_of_several_processes_share_the_work(ledger, make, client, redis_url):
    ids = [make.queued().id for _ in range(100)]
    _make_overdue(client, *ids)
    sweepers = [
        subprocess.Popen(
            [sys.executable, "-c", _CLAIM, redis_url],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    for sweeper in sweepers:
        sweeper.stdin.write("go\n")
        sweeper.stdin.flush()
    claimed = [sweeper.communicate(timeout=30)[0].split() for sweeper in sweepers]

    assert [sweeper.returncode for sweeper in sweepers] == [0, 0, 0]
    # Everything, and nothing twice.
    assert sorted(chain.from_iterable(claimed)) == sorted(ids)


# -- what is kept, and for how long ------------------------------------------------------------


def test_an_entry_ages_from_when_its_caller_knows(ledger, make, client):
    entry = ledger.succeeded(make.ready(), FILES)
    assert client.ttl(KEYS.conversion(entry.id)) == -1

    ledger.told(entry.id, is_dead=False)
    assert client.ttl(KEYS.conversion(entry.id)) == pytest.approx(7 * 24 * 3600, abs=5)


def test_a_dead_letter_does_not_age(ledger, make, client):
    entry = ledger.failed(make.ready(), FAILURE)
    ledger.told(entry.id, is_dead=True)

    assert client.ttl(KEYS.conversion(entry.id)) == -1
    assert client.zscore(KEYS.due, entry.id) is None
    assert ledger.dead_ids() == [entry.id]


def test_who_is_still_on_the_way_can_not_be_told(ledger, make, client):
    entry = make.ready()
    ledger.told(entry.id, is_dead=False)

    assert client.ttl(KEYS.conversion(entry.id)) == -1
    assert client.zscore(KEYS.due, entry.id) is not None


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
    ledger.told(dead.id, is_dead=True)
    again = ledger.replay(dead)

    assert again.state is State.QUEUED
    assert again.wakeup != dead.wakeup
    assert (again.job_id, again.submits, again.strikes) == ("", 0, 0)
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
def test_what_is_tried_again_is_due_and_is_kept(again, ledger, make, client):
    dead = ledger.failed(make.ready(), FAILURE)
    ledger.told(dead.id, is_dead=True)
    getattr(ledger, again)(dead)

    assert client.zscore(KEYS.due, dead.id) > time.time()
    assert client.ttl(KEYS.conversion(dead.id)) == -1


@pytest.mark.parametrize("again", ["replay", "redeliver"])
def test_of_two_replays_one_counts(again, ledger, make):
    dead = ledger.failed(make.ready(), FAILURE)

    assert getattr(ledger, again)(dead) is not None
    assert getattr(ledger, again)(dead) is None


@pytest.mark.parametrize("again", ["replay", "redeliver"])
def test_a_purge_forgets_no_conversion_that_is_replayed_meanwhile(again, ledger, make, client):
    """A purge lists first and forgets then; the operator beside it is quicker."""
    dead = ledger.failed(make.ready(), FAILURE)
    getattr(ledger, again)(dead)
    ledger.purge(dead)

    assert client.ttl(KEYS.conversion(dead.id)) == -1
    assert client.zscore(KEYS.due, dead.id) is not None


def test_what_was_purged_is_forgotten(ledger, make, client):
    dead = ledger.failed(make.ready(), FAILURE)
    ledger.purge(dead)

    assert ledger.dead_ids() == []
    assert client.zscore(KEYS.due, dead.id) is None
    assert client.ttl(KEYS.conversion(dead.id)) <= 60


# -- what was learned -------------------------------------------------------------------------


def test_an_accounts_dialect_is_remembered_for_a_day(ledger, client, make):
    dialect = make.converting().dialect
    assert ledger.recall_dialect("a1") is None
    ledger.remember_dialect("a1", dialect)

    assert ledger.recall_dialect("a1") is dialect
    assert ledger.recall_dialect("a2") is None
    assert 0 < client.ttl(KEYS.dialect("a1")) <= 24 * 3600
