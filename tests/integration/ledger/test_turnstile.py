from __future__ import annotations

import time
from dataclasses import replace

import pytest

from conveyor.domain.conversion import Failure, FailureKind
from conveyor.domain.dialect import Dialect
from conveyor.ledger import Submission
from conveyor.ledger.keys import Keys

KEYS = Keys()

JOB = Submission("0" * 32, "http://x", Dialect.PATH)
SPACING_S = 0.2


@pytest.fixture
def worker(claiming):
    return claiming(spacing_s=SPACING_S, lease_s=30.0)


@pytest.fixture
def entry(make):
    return make.converting()


def test_one_gets_in_and_the_next_finds_it_closed(worker, entry, client):
    first = worker.enter(entry)
    second = worker.enter(entry)

    assert second is None
    assert client.get(KEYS.turnstile(entry.id)) == first.token
    assert 25_000 < client.pttl(KEYS.turnstile(entry.id)) <= 30_000
    assert first.entry == replace(entry, turn=entry.turn + 1)


@pytest.mark.parametrize("state", ["queued", "ready"])
def test_only_what_is_converting_is_polled(worker, make, client, dates, state):
    entry = getattr(make, state)()
    dates.past(entry.id)

    assert worker.polls() == []
    assert not client.exists(KEYS.turnstile(entry.id))


def test_nobody_polls_what_does_not_exist(worker, client):
    assert worker.polls() == []
    assert client.keys() == []


def test_conversions_do_not_wait_for_each_other(worker, make):
    one, other = make.converting(), make.converting()

    assert worker.enter(one)
    assert worker.enter(other)


def test_after_one_left_it_stays_closed_for_the_spacing(worker, entry):
    passed = worker.enter(entry)
    begun = time.monotonic()
    assert worker.turnstile.leave(passed)
    while worker.enter(entry) is None:
        assert time.monotonic() - begun < 10
        time.sleep(0.002)

    assert time.monotonic() - begun >= SPACING_S


def test_post_leaves_the_way_open_for_the_first_poll(worker, make, client):
    posted = worker.post(make.queued())
    assert client.exists(KEYS.turnstile(posted.entry.id))

    assert worker.turnstile.leave(posted)
    assert not client.exists(KEYS.turnstile(posted.entry.id))


def test_who_finds_it_closed_is_due_when_it_opens_and_a_bell_comes_then(
    claiming, entry, bells, dates
):
    worker = claiming(spacing_s=3.0)
    worker.turnstile.leave(worker.enter(entry))
    bells.take()
    assert worker.enter(entry) is None
    opens_at = dates.of(entry.id)
    (rung,) = bells.take("poll")

    assert 0 < opens_at - worker.ledger.now() <= 3.02
    assert opens_at <= rung.at <= opens_at + 0.26
    while worker.ledger.now() < rung.at:
        time.sleep(0.01)
    assert worker.polls() == [entry.id]


def test_a_lease_lapses_so_that_a_dead_holder_frees_the_way(claiming, entry):
    worker = claiming(spacing_s=SPACING_S, lease_s=0.1)
    assert worker.enter(entry)
    time.sleep(0.12)

    assert worker.enter(entry)


def test_who_comes_back_too_late_does_not_open_it_for_others(claiming, entry, client):
    """The lease ran out and another is in: to leave must not shorten the other's lease."""
    quick = claiming(lease_s=0.05)
    late = quick.enter(entry)
    time.sleep(0.07)
    slow = claiming(lease_s=30.0)
    assert slow.enter(entry)
    before = client.get(KEYS.turnstile(entry.id))

    assert slow.turnstile.leave(late) is False
    assert client.get(KEYS.turnstile(entry.id)) == before
    assert client.pttl(KEYS.turnstile(entry.id)) > 25_000


def test_who_is_in_is_due_once_the_lease_has_lapsed(worker, entry, client, dates):
    """If it dies, whoever is woken finds the way open."""
    before = worker.ledger.now()
    worker.enter(entry)

    # The lease begins on the way, a little after the time that we tell.
    assert before + 30.05 < dates.of(entry.id) < worker.ledger.now() + 35
    assert client.pttl(KEYS.turnstile(entry.id)) <= 30_000


def test_who_finds_another_in_is_not_due_before_the_others_lease_ends(worker, entry, dates):
    worker.enter(entry)
    worker.enter(entry)

    assert dates.of(entry.id) > worker.ledger.now() + 25


def test_what_has_ended_is_not_claimed(worker, entry, dates):
    dates.forget(entry.id)

    assert worker.polls() == []
    assert dates.of(entry.id) is None


def test_a_foreign_token_changes_nothing(worker, entry, client):
    passed = worker.enter(entry)

    assert worker.turnstile.leave(replace(passed, token="guessed")) is False
    assert client.pttl(KEYS.turnstile(entry.id)) > 25_000


def test_while_a_post_is_in_flight_nobody_polls_its_job(worker, make, client):
    posting = worker.post(make.queued())
    begun = worker.ledger.begin_submit(posting.entry, JOB, posting.entering)

    assert worker.enter(begun) is None
    assert client.get(KEYS.turnstile(begun.id)) == posting.token


LEAVING = {
    "later": lambda ledger, make, entry, way: ledger.poll_later(
        entry, 1, confirmed=True, failed=False, leaving=way
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
def test_the_transition_that_notes_a_poll_leaves_for_it(
    *, ledger, make, client, claiming, name, refused
):
    passed = claiming(spacing_s=10.0, lease_s=30.0).enter(make.converting())
    entry = passed.entry
    if refused:
        ledger.failed(entry, Failure(FailureKind.SERVICE, "meanwhile"))
    noted = LEAVING[name](ledger, make, entry, passed.leaving)

    assert (noted is None) is refused
    assert 0 < client.pttl(KEYS.turnstile(entry.id)) <= 10_070
    if noted is not None:
        assert noted.polls == 1


def test_a_late_transition_does_not_open_it_for_others(worker, ledger, client, entry):
    foreign = replace(worker.enter(entry), token="old")
    ledger.poll_later(entry, 1, confirmed=True, failed=False, leaving=foreign.leaving)

    assert client.pttl(KEYS.turnstile(entry.id)) > 25_000
