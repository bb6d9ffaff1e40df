"""The law of the rate, number by number: how a throttle lowers it, and how it grows again."""

from __future__ import annotations

import math

import pytest

from conveyor.domain.conversion import Failure, FailureKind
from conveyor.ledger.accounts import status_of
from conveyor.ledger.keys import Keys

KEYS = Keys()

ACCOUNT = "v2.convertapi.com"
KEY = KEYS.account(ACCOUNT)


@pytest.fixture
def account(client, clock):
    """Set fields of the account; a field that ends in ``_at`` or ``_since`` says how long ago."""

    def set_to(**fields):
        ago = {name for name in fields if name.endswith(("_at", "_since"))}
        values = {
            name: clock.now - value if name in ago else value for name, value in fields.items()
        }
        client.hset(KEY, mapping=values)

    return set_to


@pytest.fixture
def throttled(fleet, client, clock):
    """Note a throttle; the rate, and the account's fields, moments as seconds from now."""

    def note():
        rate = fleet.governor.throttled()
        fields = {name: float(value) for name, value in client.hgetall(KEY).items()}
        moments = ("rate_at", "next_at")
        return rate, {
            name: value - clock.now if name in moments else value for name, value in fields.items()
        }

    return note


@pytest.mark.parametrize(
    ("grown_s", "rate"),
    [
        # From nine tenths it grows by a twenty-fifth a second.
        (0.0, 9.0),
        (5.0, 11.0),
        (10.0, 13.0),
        # Then it doubles every second and a half.
        (11.5, 26.0),
        (13.0, 52.0),
        (16.0, 208.0),
        # Half a minute later nothing bounds the account, nor by a date that far in the future.
        (30.5, None),
        (-5.0, 9.0),
        (-30.5, None),
    ],
)
def test_rate_after_a_fall(fleet, account, client, grown_s, rate):
    account(rate=10.0, rate_at=grown_s)

    assert status_of(client, ACCOUNT).rate == (rate if rate is None else pytest.approx(rate))


def test_throttle_of_an_account_of_which_nothing_is_taken_leaves_the_least_rate(throttled, client):
    rate, fields = throttled()

    # One each five seconds, as if it had grown for ten: whoever is first finds the way free.
    assert rate == pytest.approx(0.26, abs=1e-6)
    assert fields["rate"] == pytest.approx(0.2)
    assert fields["rate_at"] == pytest.approx(-10)
    assert fields["next_at"] == pytest.approx(1 / 0.26, abs=1e-5)
    assert fields["strain"] == 0
    assert client.hget(KEYS.counts, "throttles") == "1"


@pytest.mark.parametrize(
    ("taken", "ago_s", "since_s", "rate"),
    [
        # Nobody knows how it was before the first: a mean over a quarter of a second at least.
        (1, 0.0, 0.0, 1 / (2 * (1 - math.exp(-0.125)))),
        (1, 0.0, 1.0, 1 / (2 * (1 - math.exp(-0.5)))),
        (20, 0.0, 100.0, 10.0),
        # It fades: what was taken two seconds ago counts a third.
        (20, 2.0, 100.0, 10.0 * math.exp(-1)),
        (20, 4.0, 10.0, 20 * math.exp(-2) / (2 * (1 - math.exp(-5)))),
        (20, -9.0, 100.0, 10.0),
    ],
)
def test_throttle_that_is_one_too_many_lowers_the_rate_to_what_was_taken(
    *, account, throttled, taken, ago_s, since_s, rate
):
    account(taken=taken, taken_at=ago_s, taken_since=since_s, strain=3)
    told, fields = throttled()

    assert fields["rate"] == pytest.approx(rate, abs=1e-5)
    assert fields["rate_at"] == pytest.approx(0)
    assert told == pytest.approx(0.9 * rate, abs=1e-5)
    assert fields["next_at"] == pytest.approx(1 / (0.9 * rate), abs=1e-4)
    assert fields["strain"] == 0


@pytest.mark.parametrize(
    ("a_second", "most"), [(2, 1), (8, 2), (14, 3), (20, 4), (100, 4)], ids=str
)
def test_faster_accounts_bear_more_throttles_in_a_row(account, throttled, a_second, most):
    """One more for each six a second above two, and four at most."""
    account(taken=2 * a_second, taken_at=0.0, taken_since=1000.0)
    rates = [throttled()[0] for _ in range(most)]

    assert rates[:-1] == [0.0] * (most - 1)
    assert rates[-1] == pytest.approx(0.9 * a_second, abs=1e-4)


def test_account_with_a_rate_bears_as_many_throttles_as_that_rate_says(account, throttled):
    account(rate=14 / 0.9, rate_at=0.0, taken=4, taken_at=0.0, taken_since=1000.0)
    rates = [throttled()[0] for _ in range(3)]

    assert rates == [pytest.approx(14, abs=1e-3), pytest.approx(14, abs=1e-3), pytest.approx(1.8)]


@pytest.mark.parametrize(("strain", "left"), [(1.0, 0.9), (0.1, 0.0), (0.05, 0.0)])
def test_submit_that_is_taken_takes_a_tenth_off_the_strain(fleet, account, client, strain, left):
    fleet.open()
    (passed,) = fleet.claim().passes
    account(strain=strain)
    fleet.start(passed)

    assert float(client.hget(KEY, "strain")) == pytest.approx(left)


def test_submits_that_are_taken_are_counted_and_fade(fleet, client, clock):
    fleet.open(3)
    first, second, third = fleet.claim().passes
    fleet.start(first)
    began = clock.now
    assert float(client.hget(KEY, "taken")) == 1
    clock.go(2)
    fleet.start(second)
    assert float(client.hget(KEY, "taken")) == pytest.approx(1 + math.exp(-1), abs=1e-5)
    assert float(client.hget(KEY, "taken_since")) == pytest.approx(began)
    # After a long pause it is counted anew.
    clock.go(20)
    fleet.start(third)

    assert float(client.hget(KEY, "taken")) == 1
    assert float(client.hget(KEY, "taken_since")) == pytest.approx(clock.now)
    assert float(client.hget(KEY, "taken_at")) == pytest.approx(clock.now)


def test_strain_that_is_damaged_counts_as_none(account, throttled):
    account(taken=28, taken_at=0.0, taken_since=1000.0, strain=-100)
    _, fields = throttled()

    assert fields["strain"] == 1


@pytest.mark.parametrize(
    ("status", "is_taken"), [(400, True), (0, False)], ids=["answered", "not answered"]
)
def test_submit_that_the_service_refuses_counts_as_taken_if_it_has_answered(
    fleet, client, status, is_taken
):
    fleet.open()
    (passed,) = fleet.claim().passes
    failure = Failure(FailureKind.INPUT, "No.", status=status)
    fleet.ledger.failed(fleet.post(passed), failure, leaving=passed.leaving)

    assert (client.hget(KEY, "taken") is not None) is is_taken


def test_submit_that_brings_its_result_immediately_counts_as_taken(fleet, client, make):
    fleet.open()
    (passed,) = fleet.claim().passes
    fleet.ledger.ready(fleet.post(passed), make.result, leaving=passed.leaving)

    assert float(client.hget(KEY, "taken")) == 1
