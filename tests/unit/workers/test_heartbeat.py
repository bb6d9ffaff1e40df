"""What a process works on keeps its lease, for as long as it may take."""

from __future__ import annotations

from contextlib import suppress
from math import inf
from types import SimpleNamespace
from typing import ClassVar

import pytest

from conveyor.errors import LedgerUnavailable
from conveyor.ledger import Renewal
from conveyor.ledger.delivery_lease import Lease
from tests.unit.workers.parts import entry_of, pass_of
from workers import heartbeat
from workers.heartbeat import Heartbeat, Work


@pytest.fixture
def now():
    return [100.0]


@pytest.fixture
def made(rig, now, threads):
    """A heart that beats when it is told."""
    return Heartbeat(rig.ledger, 13.0, every_s=3600.0, clock=lambda: now[0])


def _renewed(rig):
    return [
        (
            sorted((it.conversion_id, it.lease, it.token) for it in given["renewals"]),
            given["lease_s"],
        )
        for given in rig.given("ledger.renew_leases")
    ]


def test_beat_renews_all_that_is_worked_on(rig, made):
    lease = Lease(entry_of(id="c2"), "lease", rig.deliveries)
    with made.renewing(pass_of(entry_of())), made.renewing(lease):
        made.beat()

    assert _renewed(rig) == [([("c1", "turnstile", "mine"), ("c2", "delivery", "lease")], 13.0)]


@pytest.mark.parametrize("divisor", [1, 0])
def test_work_that_has_ended_is_renewed_no_more(rig, made, divisor):
    with suppress(ZeroDivisionError), made.renewing(pass_of(entry_of())):
        _ = 1 / divisor
    made.beat()

    assert rig.did == []


def test_two_threads_at_one_conversion_are_two_works(rig, made):
    with made.renewing(pass_of(entry_of())):
        with made.renewing(pass_of(entry_of())):
            pass
        made.beat()

    assert len(rig.given("ledger.renew_leases")) == 1


@pytest.mark.parametrize(("passed_s", "is_kept"), [(20.0, True), (20.1, False)])
def test_work_that_takes_longer_than_it_may_is_taken_over(*, rig, made, now, passed_s, is_kept):
    with made.renewing(pass_of(entry_of()), 20.0):
        now[0] += passed_s
        made.beat()

    assert bool(rig.given("ledger.renew_leases")) is is_kept


def test_work_that_gets_more_time_has_it_from_then_on(rig, made, now):
    with made.renewing(pass_of(entry_of()), 20.0) as work:
        now[0] += 19
        work.may_take(30.0)
        now[0] += 30
        made.beat()

    assert len(rig.given("ledger.renew_leases")) == 1


def test_work_has_all_the_time_unless_it_is_limited(now):
    work = Work("c1", "turnstile", "mine", lambda: now[0])

    assert work.renewal == Renewal("c1", "turnstile", "mine")
    assert not work.is_overtime
    assert work._until == inf


class Began:
    """A thread that a test runs itself, until something ends it."""

    made: ClassVar[list[Began]] = []

    def __init__(self, *, target, name, daemon):
        self.run, self.about, self.is_started = target, (name, daemon), False
        Began.made.append(self)

    def start(self):
        self.is_started = True


@pytest.fixture
def threads(monkeypatch):
    monkeypatch.setattr(Began, "made", [])
    monkeypatch.setattr(heartbeat, "Thread", Began)
    return Began.made


def test_first_work_starts_the_heart_which_beats_while_its_process_lives(rig, threads):
    rig.ledger.expected_durations.answers["flush"] = SystemExit()
    heart = Heartbeat(rig.ledger, 13.0, every_s=0.001)
    with heart.renewing(pass_of(entry_of())), heart.renewing(pass_of(entry_of(id="c2"))):
        (thread,) = threads
        with pytest.raises(SystemExit):
            thread.run()

    assert (thread.is_started, thread.about) == (True, ("conveyor-heartbeat", True))
    assert rig.names() == ["ledger.renew_leases", "durations.flush"]


@pytest.mark.parametrize(
    ("error", "complaints"),
    [
        (LedgerUnavailable("Redis is away."), [("heartbeat", "Redis is away.")]),
        (ZeroDivisionError(), []),
    ],
)
def test_beat_that_fails_is_followed_by_the_next(*, rig, monkeypatch, threads, error, complaints):
    begun, errors = [], [error]

    def renew(**_):
        if errors:
            raise errors.pop()

    def end(who):
        raise SystemExit(who)

    told = SimpleNamespace(begin=lambda *it: begun.append(it), end=end)
    monkeypatch.setattr(heartbeat, "complaints", told)
    rig.ledger.answers["renew_leases"] = renew
    heart = Heartbeat(rig.ledger, 13.0, every_s=0.001)
    with heart.renewing(pass_of(entry_of())), pytest.raises(SystemExit, match=r"^heartbeat$"):
        threads[0].run()

    assert begun == complaints
    assert len(rig.given("ledger.renew_leases")) == 2


def test_heart_that_is_stopped_beats_no_more(rig, threads):
    heart = Heartbeat(rig.ledger, 13.0, every_s=0.001)
    with heart.renewing(pass_of(entry_of())):
        heart.stop()
        threads[0].run()

    assert rig.names() == []
