"""Bells: few messages, and none that is missing."""

from __future__ import annotations

import heapq
import math
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest

from conveyor.domain.conversion import Failure, FailureKind
from conveyor.domain.dialect import Dialect
from conveyor.ledger import Submission
from conveyor.ledger.claimed import Due
from conveyor.ledger.keys import Keys

KEYS = Keys()

JOB = Submission("0" * 32, "http://x", Dialect.PATH, "account")
FAILURE = Failure(FailureKind.SERVICE, "Broken.")
SLOT_S = 0.25


@pytest.fixture
def ledger(worker):
    """One that rings."""
    return worker.ledger


@pytest.fixture
def quiet(client, bells):
    """Forget what was rung so far."""

    def forget():
        bells.take()
        for key in client.scan_iter(f"{KEYS.prefix}bell:*"):
            client.delete(key)

    return forget


@pytest.fixture
def keep(client):
    """Have the marks of bells last, however slow the machine is."""

    def last():
        for key in client.scan_iter(f"{KEYS.prefix}bell:*"):
            client.pexpire(key, 600_000)

    return last


def _slot_end(at):
    return (math.floor(at / SLOT_S) + 1) * SLOT_S


# -- one for many ---------------------------------------------------------------------------------


def test_many_conversions_due_together_have_one_bell(ledger, make, bells):
    begun = ledger.now()
    for _ in range(50):
        make.queued()
    rung = bells.take()

    # A bell that has not come within a second is taken for lost.
    assert 1 <= len(rung) <= 1 + (ledger.now() - begun)
    assert {(bell.kind, bell.wait_s) for bell in rung} == {("submit", 0)}


def test_many_that_are_due_in_the_same_slot_have_one_bell_at_its_end(
    ledger, make, bells, dates, quiet
):
    entries = [make.converting() for _ in range(60)]
    quiet()
    for number, entry in enumerate(entries):
        ledger.poll_later(entry, 5 + number % 3 / 10, confirmed=True, failed=False)
    rung = bells.take("poll")

    ends = {_slot_end(dates.of(entry.id)) for entry in entries}
    assert sorted(round(bell.at, 3) for bell in rung) == sorted(ends)
    assert len(rung) < len(entries) / 2 or len(ends) == len(rung)


@pytest.mark.parametrize("delay_s", [0.01, 0.24, 0.25, 0.26, 1.0, 5.0, 59.0])
def test_a_bell_comes_when_all_of_its_slot_is_due_and_not_much_later(
    *, ledger, make, bells, dates, quiet, delay_s
):
    entry = make.converting()
    quiet()
    ledger.poll_later(entry, delay_s, confirmed=True, failed=False)
    (rung,) = bells.take()

    due = dates.of(entry.id)
    assert rung.at == pytest.approx(_slot_end(due), abs=1e-4)
    assert due < rung.at <= due + SLOT_S + 1e-4
    # To the bell as it is sent (`conveyor.messaging.bells`) the end of a slot has no thousandths.
    assert round(rung.at, 3) >= due


def test_after_a_claim_has_come_the_next_bell_is_rung(make, bells, worker, keep):
    make.queued()
    bells.take()
    keep()
    make.queued()
    assert bells.take() == []
    assert len(worker.submits()) == 2
    make.queued()

    assert [bell.kind for bell in bells.take()] == ["submit"]


def test_a_claim_of_one_kind_leaves_the_bells_of_another(make, worker, client, keep):
    make.queued()
    keep()
    worker.polls()
    worker.claims.deliveries(10)

    assert client.exists(KEYS.bell("submit"))


def test_a_bell_that_came_too_early_leaves_the_mark(make, worker, client, ledger, keep):
    make.queued()
    keep()
    worker.claims.submits(10, ledger.now() + 30)

    assert client.exists(KEYS.bell("submit"))


def test_a_bell_that_was_lost_is_missed_after_a_second(make, bells, ledger):
    begun = ledger.now()
    make.queued()
    assert len(bells.take()) == 1
    while not (rung := bells.take()):
        make.queued()
        assert ledger.now() < begun + 60
        time.sleep(0.02)

    assert [bell.wait_s for bell in rung] == [0]
    assert ledger.now() >= begun + 1


def test_a_bell_that_could_not_be_sent_is_rung_by_the_next_one(ledger, make, bells, client):
    """Its conversion was taken back; the others that come now must not rely on it."""
    ledger.forget(make.queued().id)
    bells.take()
    make.queued()

    assert [bell.kind for bell in bells.take()] == ["submit"]


def test_more_than_the_limit_have_another_bell_rung_until_none_is_left(make, bells, worker, ledger):
    for _ in range(7):
        make.queued()
    rung = []
    while taken := worker.submits(limit=3):
        bells_now = [bell.wait_s for bell in bells.take("submit")]
        rung.append((len(taken), bells_now[-1:]))

    assert [count for count, _ in rung] == [3, 3, 1]
    assert [waits for _, waits in rung[:2]] == [[0], [0]]
    worker.submits()
    assert bells.take() == []


def test_nothing_that_is_due_has_no_bell_rung(worker, bells, client):
    assert worker.everything() == []
    assert bells.take() == []
    assert not list(client.scan_iter(f"{KEYS.prefix}bell:*"))


# -- by the sweep alone ---------------------------------------------------------------------------


def test_conversion_due_in_over_a_minute_has_no_bell(ledger, make, bells, quiet, client):
    entry = make.converting()
    quiet()
    ledger.poll_later(entry, 61, confirmed=True, failed=False)

    assert bells.take() == []
    assert not list(client.scan_iter(f"{KEYS.prefix}bell:*"))


def test_a_poll_that_only_comes_where_a_webhook_was_lost_has_no_bell(
    *, ledger, make, worker, bells, dates, quiet
):
    posting = worker.post(make.queued())
    job = Submission("0" * 32, "http://x", Dialect.PATH, webhook=True)
    begun = ledger.begin_submit(posting.entry, job, posting.entering)
    quiet()
    started = ledger.started(begun, job.job_id, 20, leaving=posting.leaving)
    assert bells.take() == []

    dates.set(ledger.now() - 3, started.id)
    assert worker.claims.overdue() == [Due("poll", 1)]


@pytest.mark.parametrize("answer", ["a failed poll", "missing", "busy"])
def test_a_poll_after_an_answer_of_no_use_has_a_bell_though_a_webhook_may_call(
    *, ledger, make, worker, bells, quiet, answer
):
    """The call may have come, and have been lost with the rest."""
    posting = worker.post(make.queued())
    job = Submission("0" * 32, "http://x", Dialect.PATH, webhook=True)
    begun = ledger.begin_submit(posting.entry, job, posting.entering)
    quiet()
    ledger.poll_later(
        begun, 5, confirmed=False, failed=answer == "a failed poll", missing=answer == "missing"
    )

    assert [bell.kind for bell in bells.take()] == ["poll"]


MAKE_DUE = {
    "submit": lambda make: make.queued(),
    "poll": lambda make: make.converting(),
    "deliver": lambda make: make.ready(),
}


@pytest.mark.parametrize("kind", MAKE_DUE)
def test_overdue_conversion_rings_once_until_claimed(
    *, ledger, make, worker, dates, quiet, keep, kind
):
    entries = [MAKE_DUE[kind](make) for _ in range(3)]
    quiet()
    dates.set(ledger.now() - 3, *(entry.id for entry in entries))

    assert worker.claims.overdue() == [Due(kind, 3)]
    keep()
    assert worker.claims.overdue() == []
    assert len(worker.everything(limit=2)) == 2
    quiet()
    assert worker.claims.overdue() == [Due(kind, 1)]


def test_slightly_late_conversion_is_not_overdue(ledger, make, worker, dates, quiet):
    """Its bell is on its way."""
    entry = make.queued()
    quiet()
    dates.set(ledger.now(), entry.id)

    assert worker.claims.overdue() == []


def test_second_bell_is_not_sent_while_one_is_in_flight(ledger, make, worker, dates, client):
    entry = make.queued()
    dates.set(ledger.now() - 3, entry.id)
    client.set(KEYS.bell("submit"), 1, px=100_000)

    assert worker.claims.overdue() == []


def test_of_many_workers_that_sweep_one_rings(*, ledger, make, claiming, dates, quiet):
    entry = make.queued()
    quiet()
    dates.set(ledger.now() - 3, entry.id)
    workers = [claiming() for _ in range(16)]
    barrier = threading.Barrier(16)
    begun = ledger.now()

    def sweep(each):
        barrier.wait()
        return each.claims.overdue()

    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(sweep, workers))

    rung = [rings for rings in found if rings]
    assert rung[0] == [Due("submit", 1)]
    # Another a second, as nobody takes it.
    assert len(rung) <= 1 + (ledger.now() - begun)


# -- a place among the account's jobs -----------------------------------------------------------

ENDS = {
    "ready": lambda ledger, make, entry: ledger.ready(entry, make.result),
    "failed": lambda ledger, make, entry: ledger.failed(entry, FAILURE),
    "expired": lambda ledger, make, entry: ledger.expired(entry, FAILURE),
    "cancelled": lambda ledger, make, entry: ledger.cancelled(entry),
    "put back": lambda ledger, make, entry: ledger.put_back(entry, 5, "throttled"),
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_freed_place_rings_immediately(*, make, claiming, bells, end):
    worker = claiming(most_jobs=1)
    first, second = make.queued(), make.queued()
    (passed,) = worker.claims.submits(10).passes
    begun = worker.ledger.begin_submit(passed.entry, JOB, passed.entering)
    assert passed.entry.id == first.id
    bells.take()
    assert worker.submits() == []
    assert bells.take("submit") == []
    end(worker.ledger, make, begun)

    assert [bell.wait_s for bell in bells.take("submit")].count(0) == 1
    assert worker.submits() == [second.id]


def test_one_that_is_cancelled_before_it_was_posted_frees_its_place(make, claiming, bells):
    worker = claiming(most_jobs=1)
    make.queued()
    second = make.queued()
    (passed,) = worker.claims.submits(10).passes
    assert worker.submits() == []
    bells.take()
    worker.ledger.cancelled(passed.entry)

    assert [bell.wait_s for bell in bells.take("submit")] == [0]
    assert worker.submits() == [second.id]


def test_full_account_rings_no_repeated_bells(make, claiming, bells, ledger, dates):
    worker = claiming(most_jobs=1)
    entries = [make.queued() for _ in range(3)]
    worker.submits()
    worker.submits()
    bells.take()
    dates.set(ledger.now() - 3, entries[1].id, entries[2].id)
    make.queued()

    assert worker.claims.overdue() == []
    assert bells.take("submit") == []


def test_end_of_a_job_without_waiters_rings_no_bell(make, claiming, bells):
    worker = claiming(most_jobs=2)
    make.queued()
    (passed,) = worker.claims.submits(10).passes
    begun = worker.ledger.begin_submit(passed.entry, JOB, passed.entering)
    bells.take()
    worker.ledger.failed(begun, FAILURE)

    assert bells.take("submit") == []


# -- none is missing ----------------------------------------------------------------------------


class _Post:
    """Brings bells when they shall come, as a broker does; there is no sweep."""

    def __init__(self):
        self._changed = threading.Condition()
        self._bells = []
        self.sent = Counter()

    def ring(self, kind, wait_s, at):
        with self._changed:
            self.sent[kind] += 1
            heapq.heappush(self._bells, (time.monotonic() + wait_s, kind, round(at, 3)))
            self._changed.notify()

    def take(self, patience_s):
        """The next bell that is due; None where none comes for so long."""
        deadline = time.monotonic() + patience_s
        with self._changed:
            while True:
                now = time.monotonic()
                if self._bells and self._bells[0][0] <= now:
                    return heapq.heappop(self._bells)
                until = min([deadline] + [bell[0] for bell in self._bells[:1]])
                if now >= deadline:
                    return None
                self._changed.wait(max(until - now, 0.001))


PRODUCERS, EACH, WORKERS = 6, 40, 6
POLLS = 2


def test_no_wake_up_is_lost_however_accepting_and_claiming_interleave(claiming, client, make):
    """Nothing here sweeps: what no bell is rung for would wait for ever."""
    post = _Post()
    kind_of_worker = type(claiming())
    ended, stop = set(), threading.Event()
    wrong = []

    def produce(worker):
        for _ in range(EACH):
            worker.ledger.open(str(uuid4()), make.request)

    def work(worker):
        while not stop.is_set():
            bell = post.take(0.2)
            if bell is not None:
                try:
                    _work_off(worker, bell[1], bell[2], ended)
                except Exception as error:
                    wrong.append(error)
                    raise

    count = PRODUCERS * EACH
    with ThreadPoolExecutor(PRODUCERS + WORKERS) as pool:
        fleet = [kind_of_worker(client, post, spacing_s=0.05) for _ in range(WORKERS + PRODUCERS)]
        working = [pool.submit(work, worker) for worker in fleet[:WORKERS]]
        producing = [pool.submit(produce, worker) for worker in fleet[WORKERS:]]
        deadline = time.monotonic() + 120
        try:
            while len(ended) < count and time.monotonic() < deadline and not wrong:
                time.sleep(0.02)
        finally:
            stop.set()
        for each in (*producing, *working):
            each.result(60)

    assert wrong == []
    assert len(ended) == count
    # And they are few: for many of each a bell comes that was rung for another.
    assert post.sent["poll"] < count * POLLS


def _work_off(worker, kind, at, ended):
    """What a bell brings, without a service."""
    if kind == "submit":
        for passed in worker.claims.submits(5, at).passes:
            begun = worker.ledger.begin_submit(passed.entry, JOB, passed.entering)
            worker.ledger.started(begun, JOB.job_id, 0.1, leaving=passed.leaving)
    elif kind == "poll":
        for passed in worker.claims.polls(5, at).passes:
            if passed.entry.polls + 1 < POLLS:
                worker.ledger.poll_later(
                    passed.entry, 0.1, confirmed=True, failed=False, leaving=passed.leaving
                )
            else:
                worker.ledger.failed(passed.entry, FAILURE, leaving=passed.leaving)
                ended.add(passed.entry.id)
