"""What is told of an account, exactly, and what each call of the governor writes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from conveyor.domain.conversion import State
from conveyor.domain.request import ConversionRequest
from conveyor.domain.rules import BALANCE_USED_UP
from conveyor.ledger import Entry
from conveyor.ledger.accounts import AccountStatus, accounts, resume, status_of
from conveyor.ledger.governor import Governor
from conveyor.ledger.keys import Keys
from conveyor.ledger.waiting import explained
from conveyor.reasons import FailureKind, Reason, reason_called

KEYS = Keys()
ACCOUNT = "v2.convertapi.com"
KEY, JOBS = KEYS.account(ACCOUNT), KEYS.jobs(ACCOUNT)


@pytest.fixture
def governor(client, clock):
    return Governor(client, ACCOUNT, 5.0, 3)


@pytest.fixture
def fields(client):
    return lambda: client.hgetall(KEY)


# -- status ---------------------------------------------------------------------------------------


def _rate(clock, rate):
    # Two and a half seconds after its fall a rate is what it fell to.
    return {"rate": rate, "rate_at": clock.now - 2.5}


STATUSES = {
    "nothing is known": ({}, 0, AccountStatus(ACCOUNT, "", None, 0)),
    "jobs are there": ({"most_jobs": 3}, 2, AccountStatus(ACCOUNT, "", None, 2, most_jobs=3)),
    "throttled": ({"rate": 4}, 0, AccountStatus(ACCOUNT, "", 4.0, 0)),
    "held": (
        {"held": "no", "held_since": -40, "check_s": 30},
        0,
        AccountStatus(ACCOUNT, "no", None, 0, held_s=40.0, ends="the account is asked every 30 s"),
    ),
    "held and probed": (
        {"held": "no", "held_since": -40, "check_s": 2.5, "by_submit": 1},
        0,
        AccountStatus(ACCOUNT, "no", None, 0, held_s=40.0, ends="a submit probes every 2.5 s"),
    ),
    "held since later": (
        {"held": "no", "held_since": 40, "check_s": 30},
        0,
        AccountStatus(ACCOUNT, "no", None, 0, held_s=0.0, ends="the account is asked every 30 s"),
    ),
    "held since nobody knows when": (
        {"held": "no", "check_s": "odd"},
        0,
        AccountStatus(ACCOUNT, "no", None, 0, held_s=0.0, ends="the account is asked every 0 s"),
    ),
    "held since no number": (
        {"held": "no", "held_since": "nan", "check_s": "inf", "most_jobs": "x"},
        0,
        AccountStatus(ACCOUNT, "no", None, 0, held_s=0.0, ends="the account is asked every 0 s"),
    ),
    "held before": (
        {"held_since": -40, "check_s": 30, "by_submit": 1},
        0,
        AccountStatus(ACCOUNT, "", None, 0),
    ),
}


@pytest.mark.parametrize("name", STATUSES)
def test_status_tells_exactly_this(client, clock, name):
    written, jobs, status = STATUSES[name]
    written = dict(written)
    if isinstance(since := written.get("held_since"), int):
        written["held_since"] = clock.now + since
    if "rate" in written:
        written |= _rate(clock, written["rate"])
    if written:
        client.hset(KEY, mapping=written)
    if jobs:
        client.sadd(JOBS, *(f"c{number}" for number in range(jobs)))

    assert status_of(client, ACCOUNT) == status


@pytest.mark.parametrize(
    ("status", "why"),
    [
        (AccountStatus("a", "", None, 0), ""),
        (AccountStatus("a", "no", 1.0, 5, most_jobs=1), "the account is on hold: no"),
        (
            AccountStatus("a", "", 1.0, 1, most_jobs=1),
            "the account is at its limit: waits for its one job to end",
        ),
        (
            AccountStatus("a", "", 1.0, 7, most_jobs=2),
            "the account is at its limit: waits for one of its 2 jobs to end",
        ),
        (AccountStatus("a", "", None, 1, most_jobs=2), ""),
        (AccountStatus("a", "", None, 7, most_jobs=0), ""),
        (
            AccountStatus("a", "", 19.96, 1, most_jobs=2),
            "ConvertAPI throttles the account: 20.0 submits a second",
        ),
        (AccountStatus("a", "", 20.0, 1, most_jobs=2), ""),
        (AccountStatus("a", "", 0.25, 0), "ConvertAPI throttles the account: 0.2 submits a second"),
    ],
)
def test_status_says_what_keeps_conversions_waiting(status, why):
    assert status.why == why


def test_accounts_are_told_by_their_names(client, clock):
    client.sadd(KEYS.accounts, "b", "a")

    assert accounts(client) == [AccountStatus("a", "", None, 0), AccountStatus("b", "", None, 0)]


def test_end_of_a_hold_forgets_all_of_it_and_has_the_sweep_ring(client, clock):
    of_hold = dict.fromkeys(
        ("held_since", "code", "check_s", "checked_at", "by_submit", "prober", "counters"), "1"
    )
    client.hset(KEY, mapping={**of_hold, "well_at": "1", "held": "no", "rate": "4", "full": "1"})
    client.set(KEYS.bell("submit"), 1)

    assert resume(client, ACCOUNT)
    assert client.hgetall(KEY) == {"rate": "4", "full": "1"}
    assert not client.exists(KEYS.bell("submit"))
    assert not resume(client, ACCOUNT)


# -- the governor ---------------------------------------------------------------------------------


def test_claim_is_told_of_the_account(governor):
    told = governor.claiming(3600)

    assert told.pop("job_life_s") > 3600
    assert told == {"account": ACCOUNT, "most_jobs": 3, "check_s": 30.0, "hold_s": 3600}


def test_governor_says_why(governor, client):
    assert governor.why() == "the account let none go"
    governor.hold("no")
    assert governor.why() == "the account is on hold: no"


def test_what_outwaits_a_hold_ends_for_the_holds_reason(governor):
    assert governor.because() is Reason.WAITED_TOO_LONG
    governor.hold("no")
    assert governor.because() is Reason.WAITED_TOO_LONG
    governor.hold("no", 4014, Reason.NO_BALANCE)
    assert governor.because() is Reason.NO_BALANCE
    governor.resume()
    assert governor.because() is Reason.WAITED_TOO_LONG


def test_reason_of_a_hold_that_a_later_release_noted_is_the_usual_one(governor, client):
    governor.hold("no", 4014, Reason.NO_BALANCE)
    client.hset(KEYS.account(ACCOUNT), "because", "of tomorrow")

    assert governor.because() is reason_called("of tomorrow", FailureKind.ACCOUNT)


def test_places_are_taken_back(governor, client):
    client.sadd(JOBS, "a", "b", "c")
    governor.release("a", "b")

    assert client.smembers(JOBS) == {"c"}


def test_hold_is_written_with_its_reason(governor, client, fields, clock):
    assert governor.hold("no", 4013)
    assert not governor.hold("")
    assert fields() == {
        "held": "refused",
        "code": "0",
        "because": "waited_too_long",
        "check_s": "30.0",
        "held_since": f"{clock.now:.6f}",
    }
    assert client.smembers(KEYS.accounts) == {ACCOUNT}


def test_first_hold_keeps_its_code(governor, fields):
    governor.hold("no", 4013)

    assert (fields()["held"], fields()["code"]) == ("no", "4013")


def test_throttle_never_lowers_the_rate_below_one_in_the_spacing(governor, client):
    assert governor.throttled() == pytest.approx(0.2 * 1.3)
    assert client.hget(KEYS.counts, "throttles") == "1"


def test_what_is_noted_of_a_hold_is_written(governor, fields):
    governor.refused("c1")
    governor.probe_by_submit()
    governor.record_foreign_ids()

    assert fields() == {"prober": "c1", "by_submit": "1", "foreign_ids": "1"}


@pytest.mark.parametrize(
    ("code", "now", "is_proof"),
    [(4013, "1 2", True), (BALANCE_USED_UP, "1 2", False), (BALANCE_USED_UP, "1 3", True)],
)
def test_counters_prove_that_a_balance_was_filled_up(governor, code, now, is_proof):
    governor.hold("no", code)
    assert governor.is_proof("1 2") is (code != BALANCE_USED_UP)

    assert governor.is_proof(now) is is_proof


@pytest.mark.parametrize(("used_up", "is_well"), [(False, True), (True, False)])
def test_account_is_well_after_a_hold_that_was_not_of_the_balance(
    *, governor, client, fields, used_up, is_well, monkeypatch
):
    monkeypatch.setattr(client, "time", lambda: (1_700_000_000, 250_000))
    governor.hold("no", BALANCE_USED_UP if used_up else 4013)
    governor.resume()

    assert fields() == ({"well_at": "1700000000.25"} if is_well else {})


# -- what a queued conversion waits for -----------------------------------------------------------

SEEN_AT = 1000.0
REQUEST = ConversionRequest.build("https://example.com/a.docx", "pdf")


def _entry(state=State.QUEUED, account="", **others):
    return Entry(
        id="c1",
        state=state,
        turn=0,
        request=REQUEST,
        account=account,
        seen_at=SEEN_AT,
        note="before",
        **others,
    )


@pytest.fixture
def known(client, clock):
    """Two accounts, of which one is on hold and the other at its limit."""
    client.sadd(KEYS.accounts, "held", "full", "open")
    client.hset(KEYS.account("held"), mapping={"held": "no"})
    client.hset(KEYS.account("full"), mapping={"most_jobs": 1})
    client.sadd(KEYS.jobs("full"), "x")
    client.zadd(KEYS.due("submit"), {"c1": SEEN_AT - 1.5})


ON_HOLD = {"note": "the account is on hold: no", "held": True}
AT_LIMIT = {"note": "the account is at its limit: waits for its one job to end"}


@pytest.mark.parametrize(
    ("account", "told"), [("held", ON_HOLD), ("full", AT_LIMIT), ("open", {}), ("unknown", {})]
)
def test_queued_conversion_says_what_its_account_keeps_it_waiting_for(client, known, account, told):
    entry = _entry(account=account)

    assert explained(client, [entry]) == [replace(entry, **told)]


def test_one_of_no_account_waits_where_all_accounts_keep_it_waiting(client, known):
    entry = _entry()
    assert explained(client, [entry]) == [entry]
    client.srem(KEYS.accounts, "open")
    assert explained(client, [entry]) == [replace(entry, **AT_LIMIT)]
    client.srem(KEYS.accounts, "full")
    assert explained(client, [entry]) == [replace(entry, **ON_HOLD)]
    client.srem(KEYS.accounts, "held")
    assert explained(client, [entry]) == [entry]


@pytest.mark.parametrize(
    ("due", "told"), [(SEEN_AT - 1.01, AT_LIMIT), (SEEN_AT - 1.0, {}), (None, {})]
)
def test_one_that_is_due_for_a_second_waits_for_its_account(client, known, due, told):
    client.delete(KEYS.due("submit"))
    if due is not None:
        client.zadd(KEYS.due("submit"), {"c1": due})
    entry = _entry(account="full")

    assert explained(client, [entry]) == [replace(entry, **told)]


def test_one_on_hold_is_told_so_whenever_it_is_due(client, known):
    client.delete(KEYS.due("submit"))
    entry = _entry(account="held")

    assert explained(client, [entry]) == [replace(entry, **ON_HOLD)]


def test_those_that_do_not_wait_stay_as_they_are(client, known):
    others = [_entry(State.CONVERTING, "held", job_id="j"), _entry(State.SUCCEEDED, "full")]

    assert explained(client, others) == others
    assert explained(client, [*others, _entry(account="held")])[:2] == others
