"""The account's limit of jobs: never more than so many, and no place idle while others wait."""

from __future__ import annotations

import pytest

from conveyor.domain.conversion import Failure, FailureKind
from conveyor.ledger.keys import Keys

KEYS = Keys()

ACCOUNT = "v2.convertapi.com"
FAILURE = Failure(FailureKind.SERVICE, "Broken.", status=500)


@pytest.fixture
def full(fleet_of, clock):
    """An account of two jobs, which are running; four wait."""
    fleet = fleet_of(jobs=2)
    fleet.ids = fleet.open(6)
    fleet.running = [fleet.start(passed) for passed in fleet.claim().passes]
    fleet.bells.rung.clear()
    assert [it.id for it in fleet.running] == fleet.ids[:2]
    return fleet


def has_rung(fleet):
    """Whether somebody claims at once: a bell was sent, or the next sweep sends one."""
    rung = fleet.bells.count() + sum(due.kind == "submit" for due in fleet.claims.overdue())
    fleet.bells.rung.clear()
    return rung == 1


def test_no_more_go_than_the_account_may_have_and_the_rest_cost_nothing(full, clock):
    for _ in range(5):
        taken = full.claim()
        assert (taken.passes, taken.admission.reason) == ([], "full")
        clock.go(3)
        assert not full.claims.overdue()
    more = full.open(20)

    assert full.bells.count() == 0
    assert len(more) == 20


def test_what_waits_for_a_place_is_told_why(full):
    assert full.governor.why() == (
        "the account is at its limit: waits for one of its 2 jobs to end"
    )


ENDS = {
    "ready": lambda fleet, entry: fleet.ledger.ready(entry, fleet._make.result),
    "failed": lambda fleet, entry: fleet.ledger.failed(entry, FAILURE),
    "expired": lambda fleet, entry: fleet.ledger.expired(entry, FAILURE),
    "cancelled": lambda fleet, entry: fleet.ledger.cancelled(entry),
    "unknown to the service": lambda fleet, entry: fleet.ledger.failed(
        fleet.ledger.poll_later(entry, 5, confirmed=False, failed=True), FAILURE
    ),
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_a_place_that_becomes_free_is_used_at_once_by_who_was_accepted_first(full, clock, end):
    end(full, full.running[0])

    assert has_rung(full)
    assert full.taken() == full.ids[2:3]
    assert not full.taken()


def test_places_that_become_free_together_ring_once(full):
    for entry in full.running:
        full.ledger.cancelled(entry)

    assert has_rung(full)
    assert full.taken() == full.ids[2:4]


def test_a_thousand_jobs_through_two_places_ring_once_for_each_that_ends(fleet_of, clock):
    """Waiting costs no message: there are no more of them than ends of jobs."""
    fleet = fleet_of(jobs=2)
    ids = fleet.open(100)
    begun, running = [], []
    fleet.bells.rung.clear()
    while len(begun) < len(ids):
        running += [fleet.start(passed) for passed in fleet.claim().passes]
        begun += [it.id for it in running if it.id not in begun]
        assert len(running) <= 2
        fleet.ledger.ready(running.pop(0), fleet._make.result)

    assert begun == ids
    assert fleet.bells.count() <= len(ids)


def test_what_was_not_submitted_makes_room_for_the_next(fleet_of, clock):
    """Throttled, put off, or stumbled: it waits, and holds no place."""
    fleet = fleet_of(jobs=1)
    ids = fleet.open(4)
    ways = (
        lambda it: fleet.ledger.put_back(fleet.post(it), 5, "Throttled.", leaving=it.leaving),
        lambda it: fleet.ledger.submit_later(it.entry, 5, "No source.", leaving=it.leaving),
        lambda it: fleet.ledger.stumbled(it.entry, 5),
        lambda it: fleet.ledger.failed(it.entry, FAILURE, leaving=it.leaving),
    )
    went = []
    for way in ways:
        (passed,) = fleet.claim().passes
        went.append(passed.entry.id)
        way(passed)

    assert went == ids


def test_one_whose_process_died_before_its_post_goes_first_when_its_lease_is_over(
    fleet_of, clock, client
):
    """It holds the only place, and its new date lies behind all that wait for that."""
    fleet = fleet_of(jobs=1)
    first, *others = fleet.open(300)
    assert fleet.taken() == [first]
    clock.go(5)
    assert fleet.open()
    assert not fleet.taken()
    # Nobody rings before that can help.
    clock.go(12)
    client.delete(KEYS.turnstile(first))

    assert fleet.taken() == [first]
    assert not set(others) & set(fleet.taken())


@pytest.mark.parametrize("how", ["deleted", "evicted and noticed", "ended by hand"])
def test_a_place_whose_conversion_is_gone_is_free_again(full, client, how):
    gone = full.running[0].id
    if how == "ended by hand":
        client.hset(KEYS.conversion(gone), "state", "failed")
    else:
        client.delete(KEYS.conversion(gone))
    if how == "evicted and noticed":
        assert [it.id for it in full.ledger.audit.lose([gone])] == [gone]
        assert [due.kind for due in full.claims.overdue()] == []
        client.zadd(KEYS.due("submit"), {full.ids[2]: 1})
        assert [due.kind for due in full.claims.overdue()] == ["submit"]

    assert full.taken() == full.ids[2:3]


def test_the_look_over_the_jobs_has_the_next_sweep_ring(full, client, clock):
    client.delete(KEYS.conversion(full.running[0].id))
    clock.go(3)
    full.ledger.audit._audit(
        keys=[KEYS.jobs(ACCOUNT), KEYS.audited, KEYS.due("deliver"), KEYS.unreadable],
        args=["jobs", 100, KEYS.entry_prefix, 1, 0, "", ACCOUNT, KEYS.prefix],
    )

    assert [due.kind for due in full.claims.overdue()] == ["submit"]
    assert full.taken() == full.ids[2:3]


def test_one_that_can_not_be_read_holds_its_place_no_longer_than_a_job_lives(full, clock):
    full.ledger.set_aside([full.running[0].id])
    clock.go(7000)
    assert not full.taken()
    clock.go(1000)

    assert full.taken() == full.ids[2:3]


def test_discarding_what_can_not_be_read_frees_its_place(full, clock):
    full.ledger.set_aside([full.running[0].id])
    clock.go(3)
    assert full.ledger.discard(full.running[0].id)

    assert [due.kind for due in full.claims.overdue()] == ["submit"]
    assert full.taken() == full.ids[2:3]


def test_a_limit_that_is_raised_holds_from_the_next_claim_on(full, fleet_of):
    assert fleet_of(jobs=4).taken() == full.ids[2:4]
    assert fleet_of(jobs=0).taken() == full.ids[4:]
    assert not full.governor.why().startswith("the account is at its limit: waits for one of its 4")


def test_ten_workers_that_claim_at_once_share_the_places(fleet_of, clock):
    fleets = [fleet_of(jobs=3) for _ in range(10)]
    ids = fleets[0].open(30)

    assert [it for fleet in fleets for it in fleet.taken(2)] == ids[:3]


def test_patience_of_those_that_wait_for_a_place_does_not_run_out_by_the_submits_limit(full, clock):
    clock.go(3 * 3600)
    full.ledger.cancelled(full.running[0])
    (passed,) = full.claim().passes

    assert passed.entry.waiting_s < 60
