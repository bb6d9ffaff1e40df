"""How throttles slow the fleet down: the account's rate, told by the real scripts.

A service here answers each submit at once. The clock goes by hand, so no machine is too slow.
"""

from __future__ import annotations

from itertools import cycle

import pytest

from conveyor.ledger.accounts import status_of
from conveyor.ledger.governor import Governor
from conveyor.ledger.keys import Keys

KEYS = Keys()

ACCOUNT = "v2.convertapi.com"
STEP_S = 0.25


@pytest.fixture
def entry(make, fleet):
    """One whose submit is taken again and again, for the count of it alone."""
    fleet.open()
    (passed,) = fleet.claim().passes
    return fleet.post(passed)


class Posting:
    """Submits as fast as the account may, from a backlog without end."""

    def __init__(self, fleet, entry, clock):
        self._fleet, self._entry, self._clock = fleet, entry, clock
        self._credit = 0.0
        self.taken = self.throttled = 0

    @property
    def rate(self):
        return status_of(self._fleet.client, ACCOUNT).rate

    def go(self, seconds, takes, most=100.0):
        """Let seconds pass.

        Args:
            seconds: How many.
            takes: How many the service takes of so many, in a step.
            most: As fast as the fleet can, a second.
        """
        self.taken = self.throttled = 0
        for _ in range(round(seconds / STEP_S)):
            rate = self.rate
            self._credit += min(rate or most, most) * STEP_S
            posts, self._credit = int(self._credit), self._credit % 1
            self._answer(posts, min(takes(posts), posts))
            self._clock.go(STEP_S)

    def _answer(self, posts, taken):
        for _ in range(taken):
            self._fleet.ledger.started(self._entry, "0" * 32, 60)
        for _ in range(posts - taken):
            self._fleet.governor.throttled()
        self.taken += taken
        self.throttled += posts - taken


@pytest.fixture
def posting(fleet, entry, clock):
    return Posting(fleet, entry, clock)


class Takes:
    """A service that takes so many a second, and no more than a second's together."""

    def __init__(self, a_second):
        self.a_second = a_second
        self._left = a_second

    def __call__(self, posts):
        self._left = min(self._left + self.a_second * STEP_S, self.a_second)
        taken = min(int(self._left), posts)
        self._left -= taken
        return taken


def test_an_account_that_was_never_throttled_is_not_bounded(posting):
    posting.go(5, lambda posts: posts)

    assert posting.rate is None


@pytest.mark.parametrize(("a_second", "share"), [(2, 0.25), (10, 0.15)])
def test_the_rate_settles_near_what_the_service_takes_with_few_throttles(posting, a_second, share):
    service = Takes(a_second)
    posting.go(10, service, most=50.0)
    posting.go(20, service, most=50.0)

    assert posting.taken >= 0.75 * 20 * a_second
    assert posting.throttled <= share * (posting.taken + posting.throttled)


def test_one_in_twenty_throttled_at_random_does_not_slow_the_fleet_down(posting):
    """Spread as evenly as chance is not: twice as many in one step as in the next."""
    bad = cycle([0, 2, 0, 3, 1, 0, 2, 0, 1, 1])
    posting.go(20, lambda posts: posts - min(next(bad), posts), most=80.0)

    assert posting.throttled > 60
    assert posting.taken > 0.85 * 20 * 80


def test_where_all_is_throttled_one_goes_each_five_seconds_or_so(fleet, clock):
    ids = fleet.open(200)
    posted = []
    for _ in range(round(70 / STEP_S)):
        clock.go(STEP_S)
        taken = fleet.taken()
        posted.append(len(taken))
        for _ in taken:
            fleet.governor.throttled()
    in_the_last_minute = sum(posted[-round(60 / STEP_S) :])

    assert 10 <= in_the_last_minute <= 20
    assert len(ids) > sum(posted)


def test_soon_after_an_outage_the_fleet_is_fast_again(posting):
    posting.go(30, lambda _: 0)
    posting.go(12, lambda posts: posts)

    assert posting.rate is None or posting.rate > 20


def test_the_rate_rises_within_seconds_when_the_service_takes_more(posting):
    posting.go(15, Takes(5), most=40.0)
    assert posting.rate < 10
    posting.go(15, Takes(40), most=40.0)

    assert posting.rate is None or posting.rate > 20


def test_the_rate_falls_immediately_when_the_service_takes_less(posting):
    posting.go(3, Takes(40), most=50.0)
    posting.go(4, Takes(4), most=50.0)

    assert posting.rate < 10


def test_an_idle_account_starts_unbounded_again(posting, clock):
    posting.go(5, lambda _: 0)
    assert posting.rate < 1
    clock.go(31)

    assert posting.rate is None


def test_a_lone_throttle_of_many_submits_changes_nothing(posting, fleet):
    posting.go(3, lambda posts: posts)
    fleet.governor.throttled()

    assert posting.rate is None


# -- what a claim takes at a rate ---------------------------------------------------------------


@pytest.fixture
def slow(fleet, client, clock):
    """An account of four submits a second, just now."""
    client.hset(KEYS.account(ACCOUNT), mapping={"rate": 4 / 0.9, "rate_at": clock.now})
    return fleet


def test_claims_of_many_workers_go_at_the_rate_together(slow, fleet_of, clock):
    ids = slow.open(40)
    workers = [slow, *(fleet_of() for _ in range(9))]
    taken = []
    for _ in range(20):
        clock.go(STEP_S)
        taken += [it for worker in workers for it in worker.taken()]

    # Five seconds at four, growing a little, and what half a second may make up for.
    assert 20 <= len(taken) <= 28
    assert taken == ids[: len(taken)]


def test_a_bell_that_comes_late_loses_nothing_of_the_rate_for_half_a_second(slow, clock):
    slow.open(40)
    slow.claim()
    taken = []
    for _ in range(10):
        clock.go(0.5)
        taken += slow.taken()

    assert len(taken) >= 20


def test_rate_limited_submits_ring_once_per_slot(slow, clock):
    """A bell a claim would have each of them ring again, for ever."""
    slow.open(60)
    slow.bells.rung.clear()
    slots = 20
    for _ in range(slots):
        clock.go(STEP_S)
        for _ in range(10):
            slow.claim()
        slow.open()

    assert 0 < slow.bells.count() <= slots + 2


def test_a_throttle_of_its_own_does_not_keep_the_others_from_going(fleet, clock):
    """The request that met it waits; the fleet goes on."""
    ids = fleet.open(3)
    first, *_ = fleet.claim(1).passes
    entry = fleet.post(first)
    fleet.governor.throttled()
    fleet.ledger.put_back(entry, 5, "Throttled.", leaving=first.leaving)
    went = []
    for _ in range(12):
        clock.go(1)
        went += fleet.taken()

    assert went[:2] == ids[1:]


def test_those_that_wait_for_the_rate_do_not_run_out_of_patience(slow, clock):
    slow.open(10)
    slow.claim()
    clock.go(3 * 3600)
    passes = slow.claim().passes

    assert passes
    assert all(it.entry.waiting_s < 60 for it in passes)


def test_a_rate_is_shown_to_the_operator(slow, client):
    status = status_of(client, ACCOUNT)

    assert status.rate == pytest.approx(4)
    assert status.why == "ConvertAPI throttles the account: 4.0 submits a second"


def test_throttles_of_one_account_slow_no_other(fleet, client, posting):
    posting.go(5, lambda _: 0)
    other = Governor(client, "other", 5.0, 0)

    assert posting.rate < 1
    assert status_of(client, other.account).rate is None
