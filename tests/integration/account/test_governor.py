"""What an account may do, told by a real Valkey and its clock alone."""

from __future__ import annotations

import pytest

from conveyor.governor import Gate, Governor, accounts, resume, status_of
from conveyor.ledger.keys import Keys

KEYS = Keys()

ACCOUNT = "v2.convertapi.com"
SPACING_S = 5.0
CHECK_S = 30.0
REASON = "The balance is used up: buy conversions, then: conveyor account resume."


@pytest.fixture
def governor(client):
    return Governor(client, ACCOUNT, SPACING_S, 0)


def is_open(gate):
    return not gate.wait_s and not gate.held


# -- holds ------------------------------------------------------------------------------------


def test_an_account_is_open_until_it_is_held(governor, ids):
    assert governor.ask(ids[0]) == Gate()


def test_a_held_account_lets_nobody_through_and_says_why(governor, ids):
    governor.hold(REASON)
    gate = governor.ask(ids[0])

    assert gate.held
    assert gate.reason == f"the account is on hold: {REASON}"
    assert CHECK_S <= gate.wait_s <= CHECK_S * 1.5


def test_a_new_hold_has_the_account_asked_at_once_by_one(governor, ids):
    governor.hold(REASON)

    assert [governor.ask(it).must_check for it in ids] == [True, False, False]


def test_a_held_account_is_asked_every_half_minute(governor, ids, pass_time):
    governor.hold(REASON)
    governor.ask(ids[0])
    pass_time(CHECK_S - 1)
    assert not governor.ask(ids[1]).must_check
    pass_time(1)

    assert [governor.ask(it).must_check for it in ids] == [True, False, False]


def test_where_asking_proves_nothing_one_submit_probes_every_half_minute(governor, ids, pass_time):
    governor.hold(REASON)
    governor.ask(ids[0])
    governor.probe_by_submit()
    assert not any(governor.ask(it).probe for it in ids)
    pass_time(CHECK_S)
    gates = [governor.ask(it) for it in ids]

    assert [(it.probe, is_open(it), it.must_check) for it in gates] == [
        (True, True, False),
        (False, False, False),
        (False, False, False),
    ]


def test_conversions_take_turns_to_probe(governor, ids, pass_time):
    governor.refused(ids[0])
    governor.hold(REASON)
    for it in ids:
        governor.ask(it)
    governor.probe_by_submit()
    probers = []
    for _ in range(4):
        pass_time(CHECK_S)
        probers += [it for it in ids if governor.ask(it).probe]

    assert probers == [ids[1], ids[0], ids[1], ids[0]]
    assert ids[0] != probers[0]


def test_a_conversion_that_waits_alone_probes_every_half_minute(governor, ids, pass_time):
    governor.refused(ids[0])
    governor.hold(REASON)
    governor.ask(ids[0])
    governor.probe_by_submit()
    probes = []
    for _ in range(3):
        pass_time(CHECK_S)
        probes.append(governor.ask(ids[0]).probe)

    assert probes == [True, True, True]


def test_who_was_refused_probes_again_when_the_others_have_gone(governor, ids, pass_time):
    governor.refused(ids[0])
    governor.hold(REASON)
    for it in ids:
        governor.ask(it)
    governor.probe_by_submit()
    pass_time(CHECK_S)
    assert not governor.ask(ids[0]).probe
    pass_time(CHECK_S)

    assert governor.ask(ids[0]).probe


def test_a_throttle_keeps_probes_away(governor, ids, pass_time):
    governor.hold(REASON)
    governor.ask(ids[0])
    governor.probe_by_submit()
    pass_time(CHECK_S)
    governor.throttled()
    gate = governor.ask(ids[0])
    assert (gate.held, gate.probe) == (True, False)
    pass_time(SPACING_S)

    assert governor.ask(ids[0]).probe


def test_a_full_account_lets_no_probe_through(client, make, pass_time):
    governor = Governor(client, ACCOUNT, SPACING_S, 1)
    running, waiting = make.queued().id, make.queued().id
    governor.ask(running)
    governor.hold(REASON)
    governor.ask(waiting)
    governor.probe_by_submit()
    pass_time(CHECK_S)
    gate = governor.ask(waiting)

    assert (gate.held, gate.probe) == (True, False)


def test_a_probe_counts_as_a_job(client, governor, ids, pass_time):
    governor.hold(REASON)
    governor.ask(ids[0])
    governor.probe_by_submit()
    pass_time(CHECK_S)
    governor.ask(ids[0])

    assert client.smembers(KEYS.jobs(ACCOUNT)) == {ids[0]}


def test_a_later_hold_asks_the_account_again(governor, ids, pass_time):
    """The worker may have a master token by then."""
    governor.hold(REASON)
    governor.probe_by_submit()
    governor.resume()
    governor.hold(REASON)

    assert governor.ask(ids[0]).must_check


def test_refusals_that_were_under_way_do_not_begin_the_hold_anew(governor, ids, pass_time):
    assert governor.hold(REASON)
    governor.ask(ids[0])
    pass_time(10)

    assert not governor.hold("Invalid user credentials.", 4010)
    assert not governor.ask(ids[1]).must_check
    status = status_of(governor._redis, ACCOUNT)
    assert status.held == "Invalid user credentials."
    assert status.held_s == pytest.approx(10, abs=5)


def test_a_hold_outlives_a_restart_and_ends_for_the_whole_fleet(client, governor, ids):
    governor.hold(REASON)
    other = Governor(client, ACCOUNT, SPACING_S, 0)
    assert other.ask(ids[0]).held
    other.resume()

    assert is_open(governor.ask(ids[0]))


def test_one_account_on_hold_does_not_hold_another(client, governor, ids):
    governor.hold(REASON)

    assert is_open(Governor(client, "other", SPACING_S, 0).ask(ids[0]))


# -- what ends a hold -------------------------------------------------------------------------


@pytest.mark.parametrize("code", [0, 4010, 4013])
def test_a_well_account_ends_a_hold_that_is_not_of_the_balance(governor, code):
    governor.hold(REASON, code)

    assert governor.is_proof("5/5")


def test_counters_that_have_not_moved_do_not_show_that_a_balance_was_filled_up(governor):
    governor.hold(REASON, 4014)

    assert [governor.is_proof(it) for it in ("5/5", "5/5", "5/105")] == [False, False, True]


def test_counters_of_an_earlier_hold_are_forgotten(governor):
    governor.hold(REASON, 4014)
    governor.is_proof("5/5")
    governor.resume()
    governor.hold(REASON, 4014)

    assert not governor.is_proof("9/5")


def test_a_refusal_after_the_service_ended_the_hold_is_the_conversions_own(client, governor, ids):
    assert not governor.ask(ids[0]).well
    governor.hold(REASON)
    governor.resume()

    assert governor.ask(ids[0]).well


def test_a_refused_probe_says_nothing_of_its_conversion(governor, ids, pass_time):
    governor.hold(REASON)
    governor.resume()
    governor.hold(REASON)
    governor.ask(ids[0])
    governor.probe_by_submit()
    pass_time(CHECK_S)
    gate = governor.ask(ids[0])

    assert (gate.probe, gate.well) == (True, False)


def test_a_balance_that_was_filled_up_may_be_used_up_again(governor, ids):
    governor.hold(REASON, 4014)
    governor.resume()

    assert not governor.ask(ids[0]).well


def test_that_an_account_was_well_long_ago_says_nothing(governor, ids, pass_time):
    governor.hold(REASON)
    governor.resume()
    pass_time(20 * CHECK_S)

    assert not governor.ask(ids[0]).well


def test_a_refusal_after_an_operator_ended_the_hold_may_be_the_accounts(client, governor, ids):
    governor.hold(REASON)
    governor.resume()
    governor.hold(REASON)
    resume(client, ACCOUNT)

    assert not governor.ask(ids[0]).well


# -- throttles --------------------------------------------------------------------------------


def test_throttles_make_everybody_wait_5_10_15_seconds(governor, ids, pass_time):
    waits = []
    for _ in range(4):
        waits.append(governor.throttled())
        gate = governor.ask(ids[0])
        assert gate.reason == "ConvertAPI is throttling the account"
        assert gate.wait_s > 0
        pass_time(60)
        assert governor.ask(ids[0]).wait_s == 0

    for wait_s, step_s in zip(waits, (5, 10, 15, 15), strict=True):
        assert step_s - 1 <= wait_s <= step_s * 1.5


def test_throttles_of_the_same_moment_are_one(governor, client):
    waits = [governor.throttled() for _ in range(10)]

    assert max(waits) <= 7.5
    assert status_of(client, ACCOUNT).throttles == 1


@pytest.mark.parametrize(
    ("retry_after_s", "least_s", "most_s"),
    [
        (None, 4, 7.5),
        (0, 4, 7.5),
        (-5, 4, 7.5),
        (3, 4, 7.5),
        (40, 39, 55.1),
        (10**9, 3599, 3615.1),
    ],
)
def test_retry_after_counts_where_it_is_longer(governor, ids, retry_after_s, least_s, most_s):
    assert least_s <= governor.throttled(retry_after_s) <= most_s
    assert least_s - 1 <= governor.ask(ids[0]).wait_s <= most_s


def test_a_longer_retry_after_lengthens_a_wait_that_runs(governor, client):
    governor.throttled()

    assert governor.throttled(60) >= 59
    assert governor.throttled(5) >= 58
    assert status_of(client, ACCOUNT).throttles == 1


def test_a_job_that_is_taken_makes_the_next_throttle_the_first_again(governor, pass_time):
    governor.throttled()
    pass_time(60)
    governor.throttled()
    pass_time(60)
    governor.recovered()

    assert governor.throttled() <= 7.5


def test_a_job_that_was_under_way_does_not_end_what_retry_after_asks_for(governor, ids):
    governor.throttled(600)
    governor.recovered()

    assert governor.ask(ids[0]).wait_s >= 598


# -- what the operator sees -------------------------------------------------------------------


def test_an_operator_sees_since_when_and_how_a_hold_ends(client, governor, ids, pass_time):
    governor.ask(ids[0])
    assert status_of(client, ACCOUNT).ends == ""
    governor.hold(REASON)
    pass_time(90)
    asked = status_of(client, ACCOUNT)
    governor.probe_by_submit()

    assert (asked.account, asked.held, asked.jobs) == (ACCOUNT, REASON, 1)
    assert asked.held_s == pytest.approx(90, abs=5)
    assert asked.ends == "the account is asked every 30 s"
    assert status_of(client, ACCOUNT).ends == "a submit probes every 30 s"
    assert [it.account for it in accounts(client)] == [ACCOUNT]


def test_resuming_forgets_all_of_the_hold(client, governor, ids):
    governor.refused(ids[0])
    governor.hold(REASON, 4014)
    for it in ids:
        governor.ask(it)
    governor.is_proof("1/1")
    governor.probe_by_submit()

    assert resume(client, ACCOUNT)
    assert client.hgetall(KEYS.account(ACCOUNT)) == {}
    assert not resume(client, ACCOUNT)
