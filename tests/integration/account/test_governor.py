"""Holds: what an account on hold lets through, told by a real Valkey alone."""

from __future__ import annotations

import pytest

from conveyor.ledger.accounts import accounts, resume, status_of
from conveyor.ledger.keys import Keys

KEYS = Keys()

ACCOUNT = "v2.convertapi.com"
CHECK_S = 30.0
REASON = "The balance is used up. Buy conversions, then run: conveyor account resume."


@pytest.fixture
def held(fleet):
    """An account on hold, that was asked how it is, which proved nothing."""
    (first,) = fleet.open()
    fleet.governor.hold(REASON)
    assert fleet.claim().admission.must_check
    fleet.governor.probe_by_submit()
    fleet.ledger.cancelled(fleet.ledger.get(first))
    return fleet


# -- who may go -------------------------------------------------------------------------------


def test_an_account_is_open_until_it_is_held(fleet):
    ids = fleet.open(3)
    taken = fleet.claim()

    assert [it.entry.id for it in taken.passes] == ids
    assert not taken.admission.reason


def test_held_account_blocks_submits_and_says_why(fleet):
    fleet.open(3)
    fleet.governor.hold(REASON)
    taken = fleet.claim()

    assert (taken.passes, taken.admission.reason) == ([], "held")
    assert fleet.governor.why() == f"the account is on hold: {REASON}"


def test_new_hold_checks_the_account_once_immediately(fleet):
    fleet.open(3)
    fleet.governor.hold(REASON)

    assert [fleet.claim().admission.must_check for _ in range(3)] == [True, False, False]


def test_a_held_account_is_asked_every_half_minute(fleet, clock):
    fleet.open(3)
    fleet.governor.hold(REASON)
    fleet.claim()
    clock.go(CHECK_S - 1)
    assert not fleet.claim().admission.must_check
    clock.go(1)

    assert [fleet.claim().admission.must_check for _ in range(3)] == [True, False, False]


def test_where_asking_proves_nothing_one_submit_probes_every_half_minute(held, clock):
    ids = held.open(3)
    assert not held.claim().passes
    clock.go(CHECK_S)
    taken = [held.claim() for _ in range(3)]

    assert [[p.entry.id for p in it.passes] for it in taken] == [ids[:1], [], []]
    assert [it.admission.probe for it in taken] == [True, False, False]
    assert not taken[0].admission.must_check


def test_a_hold_costs_one_message_each_half_minute_however_many_wait_and_ring(held, clock):
    held.open(50)
    clock.go(CHECK_S)
    held.refuse(*held.claim().passes)
    held.bells.rung.clear()
    rung = []
    for _ in range(4):
        clock.go(CHECK_S)
        passed, *_ = held.claim().passes
        # Signatures come, each with a message that claims; and more is accepted.
        held.open(5)
        assert not [it for _ in range(10) for it in held.claim().passes]
        held.refuse(passed)
        held.claim()
        rung.append(held.bells.count())
        held.bells.rung.clear()

    assert rung == [1, 1, 1, 1]


def test_conversions_take_turns_to_probe_and_keep_their_order(held, clock):
    ids = held.open(4)
    probers = []
    for _ in range(4):
        clock.go(CHECK_S)
        (passed,) = held.claim().passes
        probers.append(passed.entry.id)
        held.refuse(passed)
    held.governor.resume()

    assert probers == [ids[0], ids[1], ids[0], ids[1]]
    assert held.taken() == ids


def test_a_conversion_that_waits_alone_probes_every_half_minute(held, clock):
    (alone,) = held.open()
    probers = []
    for _ in range(3):
        clock.go(CHECK_S)
        (passed,) = held.claim().passes
        probers.append(passed.entry.id)
        held.refuse(passed)

    assert probers == [alone] * 3


def test_a_full_account_lets_no_probe_through(fleet_of, clock):
    fleet = fleet_of(jobs=1)
    fleet.open(2)
    running, *_ = fleet.claim().passes
    fleet.start(running)
    fleet.governor.hold(REASON)
    fleet.claim()
    fleet.governor.probe_by_submit()
    clock.go(CHECK_S)
    taken = fleet.claim()

    assert (taken.passes, taken.admission.reason) == ([], "held")


def test_a_probe_counts_as_a_job(held, client, clock):
    ids = held.open(2)
    clock.go(CHECK_S)
    held.claim()

    assert client.smembers(KEYS.jobs(ACCOUNT)) == {ids[0]}


def test_a_later_hold_asks_the_account_again(held):
    """The worker may have a master token by then."""
    held.open()
    held.governor.resume()
    held.governor.hold(REASON)

    assert held.claim().admission.must_check


def test_refusals_that_were_under_way_do_not_begin_the_hold_anew(fleet, client, clock):
    fleet.open()
    assert fleet.governor.hold(REASON)
    fleet.claim()
    clock.go(10)

    assert not fleet.governor.hold("Invalid user credentials.", 4010)
    assert not fleet.claim().admission.must_check
    status = status_of(client, ACCOUNT)
    assert (status.held, status.held_s) == ("Invalid user credentials.", 10)


def test_a_hold_outlives_a_restart_and_ends_for_the_whole_fleet(fleet, fleet_of):
    ids = fleet.open(3)
    fleet.governor.hold(REASON)
    other = fleet_of()
    assert not other.taken()
    other.governor.resume()

    assert fleet.taken() == ids


def test_resumed_by_an_operator_the_next_sweep_rings(held, client, clock):
    ids = held.open(3)
    held.claim()
    clock.go(3)
    assert not held.claims.overdue()
    resume(client, ACCOUNT)

    assert [due.kind for due in held.claims.overdue()] == ["submit"]
    assert held.taken() == ids


# -- patience ---------------------------------------------------------------------------------


def test_those_never_claimed_end_when_a_hold_outlasts_their_patience(fleet_of, clock):
    fleet = fleet_of(hold_s=3600.0)
    early = fleet.open(3)
    clock.go(1800)
    fleet.open(3)
    fleet.governor.hold(REASON)
    clock.go(1801)
    spent = fleet.claim().spent

    assert [it.entry.id for it in spent] == early
    assert all(it.entry.waiting_s > 3600 for it in spent)
    assert not fleet.claim().spent


def test_more_than_a_claim_takes_end_without_waiting_for_the_next_check(fleet_of, clock):
    fleet = fleet_of(hold_s=3600.0)
    ids = fleet.open(20)
    fleet.governor.hold(REASON)
    clock.go(3601)
    fleet.bells.rung.clear()
    ended = []
    while spent := fleet.claim(limit=4).spent:
        ended += [it.entry.id for it in spent]
        assert ("submit", 0) in fleet.bells.rung
        fleet.bells.rung.clear()

    assert ended == ids


def test_the_time_on_hold_does_not_count_as_waiting_for_the_service(fleet, clock):
    fleet.open()
    clock.go(100)
    fleet.governor.hold(REASON)
    fleet.claim()
    clock.go(3 * 3600)
    fleet.claim()
    fleet.governor.resume()
    (passed,) = fleet.claim().passes

    assert passed.entry.waiting_s < 101


def test_a_conversion_that_may_go_and_fails_runs_out_of_patience_although_others_wait(
    fleet_of, clock
):
    """The time in which it did not wait for the account counts."""
    fleet = fleet_of(jobs=1)
    first, _ = fleet.open(2)
    for _ in range(10):
        (passed,) = fleet.claim().passes
        entry = fleet.post(passed)
        clock.go(60)
        fleet.ledger.put_back(entry, 60, "ConvertAPI can't be reached", leaving=passed.leaving)
        fleet.client.delete(KEYS.turnstile(entry.id))
        clock.go(60)

    assert fleet.ledger.get(first).waiting_s > 500


# -- what ends a hold -------------------------------------------------------------------------


@pytest.mark.parametrize("code", [0, 4010, 4013])
def test_a_well_account_ends_a_hold_that_is_not_of_the_balance(fleet, code):
    fleet.governor.hold(REASON, code)

    assert fleet.governor.is_proof("5/5")


def test_counters_that_have_not_moved_do_not_show_that_a_balance_was_filled_up(fleet):
    fleet.governor.hold(REASON, 4014)

    assert [fleet.governor.is_proof(it) for it in ("5/5", "5/5", "5/105")] == [False, False, True]


def test_counters_of_an_earlier_hold_are_forgotten(fleet):
    fleet.governor.hold(REASON, 4014)
    fleet.governor.is_proof("5/5")
    fleet.governor.resume()
    fleet.governor.hold(REASON, 4014)

    assert not fleet.governor.is_proof("9/5")


@pytest.fixture
def governor(fleet_of):
    """On the server's own clock."""
    return fleet_of().governor


def test_a_refusal_after_the_service_ended_the_hold_is_the_conversions_own(governor, fleet_of):
    fleet = fleet_of()
    fleet.open(2)
    assert not fleet.claim(1).admission.well
    governor.hold(REASON)
    governor.resume()

    assert fleet.claim().admission.well


def test_a_refused_probe_says_nothing_of_its_conversion(held, clock):
    held.open()
    held.governor.resume()
    held.governor.hold(REASON)
    held.claim()
    held.governor.probe_by_submit()
    clock.go(CHECK_S)
    admission = held.claim().admission

    assert (admission.probe, admission.well) == (True, False)


def test_a_balance_that_was_filled_up_may_be_used_up_again(governor, fleet_of):
    fleet = fleet_of()
    fleet.open()
    governor.hold(REASON, 4014)
    governor.resume()

    assert not fleet.claim().admission.well


def test_that_an_account_was_well_long_ago_says_nothing(governor, fleet_of, client):
    fleet = fleet_of()
    fleet.open()
    governor.hold(REASON)
    governor.resume()
    client.hincrbyfloat(KEYS.account(ACCOUNT), "well_at", -20 * CHECK_S)

    assert not fleet.claim().admission.well


def test_a_refusal_after_an_operator_ended_the_hold_may_be_the_accounts(governor, fleet_of, client):
    fleet = fleet_of()
    fleet.open()
    governor.hold(REASON)
    governor.resume()
    governor.hold(REASON)
    resume(client, ACCOUNT)

    assert not fleet.claim().admission.well


# -- what the operator sees -------------------------------------------------------------------


def test_an_operator_sees_since_when_and_how_a_hold_ends(fleet, client, clock):
    fleet.open()
    fleet.claim()
    assert status_of(client, ACCOUNT).ends == ""
    fleet.governor.hold(REASON)
    clock.go(90)
    asked = status_of(client, ACCOUNT)
    fleet.governor.probe_by_submit()

    assert (asked.account, asked.held, asked.jobs, asked.held_s) == (ACCOUNT, REASON, 1, 90)
    assert asked.ends == "the account is asked every 30 s"
    assert status_of(client, ACCOUNT).ends == "a submit probes every 30 s"
    assert [it.account for it in accounts(client)] == [ACCOUNT]


def test_resuming_forgets_all_of_the_hold(held, client, clock):
    held.open(2)
    clock.go(CHECK_S)
    held.refuse(*held.claim().passes)
    held.governor.is_proof("1/1")

    assert resume(client, ACCOUNT)
    assert set(client.hgetall(KEYS.account(ACCOUNT))) <= {"most_jobs", "blocked_at"}
    assert not resume(client, ACCOUNT)


# -- damaged by hand --------------------------------------------------------------------------


@pytest.mark.parametrize("damage", ["", "many", "nan", "inf", "-1e300", "9e99", "4102444800"])
def test_damaged_account_does_not_block_conversions(fleet, client, clock, damage):
    names = ("rate", "rate_at", "next_at", "strain", "taken", "taken_at", "taken_since")
    names += ("checked_at", "well_at", "blocked_at", "full", "most_jobs", "foreign_ids")
    ids = fleet.open(3)
    client.hset(KEYS.account(ACCOUNT), mapping=dict.fromkeys(names, damage))
    passes = fleet.claim(1).passes
    clock.go(1)
    passes += fleet.claim().passes

    assert [it.entry.id for it in passes] == ids
    assert fleet.start(passes[0])
    fleet.governor.throttled()
    assert status_of(client, ACCOUNT).jobs == 3


@pytest.mark.parametrize("damage", ["", "many", "nan", "4102444800"])
def test_a_hold_with_damaged_fields_is_checked(fleet, client, damage):
    fleet.open()
    fleet.governor.hold(REASON, 4014)
    fields = dict.fromkeys(("checked_at", "held_since", "code", "check_s"), damage)
    client.hset(KEYS.account(ACCOUNT), mapping=fields)

    assert fleet.claim().admission.must_check
    assert fleet.governor.is_proof("1/2")
    assert status_of(client, ACCOUNT).held == REASON
    fleet.governor.resume()
    assert fleet.taken()
