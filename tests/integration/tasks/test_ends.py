"""Every conversion ends: one deadline a job, and a replay that asks before it pays (I1, I2)."""

from __future__ import annotations

import pytest
from celery.result import AsyncResult

from conveyor import ConversionFailed, Failure, FailureKind, State, names
from conveyor.domain.answers import Busy, InProgress, Lost, NotFound, Unsent
from conveyor.domain.rules import JOB_LIFE_S
from conveyor.domain.schedule import JOB_MARGIN_S
from conveyor.ledger.keys import Keys
from workers.delivery import follow

KEYS = Keys()

JOB_S = JOB_LIFE_S + JOB_MARGIN_S


@pytest.fixture
def age(worker, client):
    """Let a job have been posted longer ago."""

    def run(conversion_id, seconds):
        entry = worker.services.ledger.get(conversion_id)
        key = KEYS.conversion(conversion_id)
        client.hset(key, "submitted_at", entry.submitted_at - seconds)
        if entry.unclear_at is not None:
            client.hset(key, "unclear_at", entry.unclear_at - seconds)

    return run


@pytest.fixture
def submitted(worker, conveyor, document):
    """A conversion that the service has."""
    handle = conveyor.convert(document, to="html")
    worker.run(worker.waiting()[0])
    assert [message.task for message in worker.waiting()] == [names.POLL]
    return handle


@pytest.fixture
def unclear(worker, conveyor, document, sandbox):
    """A conversion whose POST's answer was lost."""
    sandbox.set_faults({"lost_submit": 1.0})
    handle = conveyor.convert(document, to="html")
    worker.run(worker.waiting()[0])
    sandbox.set_faults({})
    assert [message.task for message in worker.drop()] == [names.POLL]
    assert not worker.services.ledger.get(handle.id).confirmed
    return handle


WAITS = {
    "202": InProgress(),
    "503": Busy(),
    "403": Busy(None, 403),
    "429": Busy(5.0, 429),
    "a proxy's page": Lost("a page", 502),
    "no connection": Unsent("away"),
    "one 404": NotFound(),
}


@pytest.mark.parametrize("outcome", WAITS.values(), ids=WAITS)
def test_a_job_that_was_seen_ends_as_expired_whatever_is_answered_for_ever(
    *, worker, submitted, age, after_spacing, due_at, monkeypatch, outcome
):
    """Seen: 202 for 30 days."""
    handle = submitted
    monkeypatch.setattr(worker.services.api, "poll", lambda *_, **__: outcome)
    age(handle.id, JOB_S - 60)
    after_spacing(handle.id)
    worker.ring()
    assert handle.get().state is State.CONVERTING
    assert due_at(handle.id) is not None
    worker.drop()  # a bell that is far off

    age(handle.id, 60)
    after_spacing(handle.id)
    worker.ring()
    assert (handle.get().state, handle.get().failure.kind) == (State.EXPIRED, FailureKind.EXPIRED)
    worker.work()
    with pytest.raises(ConversionFailed):
        AsyncResult(handle.id, app=worker.app).get(timeout=30)


@pytest.mark.parametrize(
    "outcome",
    [WAITS[name] for name in WAITS if name != "202"],
    ids=[n for n in WAITS if n != "202"],
)
def test_a_job_that_was_never_seen_ends_as_possibly_paid(
    *, worker, unclear, age, after_spacing, monkeypatch, outcome
):
    handle = unclear
    monkeypatch.setattr(worker.services.api, "poll", lambda *_, **__: outcome)
    age(handle.id, JOB_S)
    after_spacing(handle.id)
    worker.ring()

    assert handle.get().failure.kind is FailureKind.POSSIBLY_PAID
    assert "Nothing was" not in handle.get().failure.message


@pytest.mark.parametrize("status", [408, 409, 423, 425, 429, 503, 401, 402, 403])
def test_waiting_is_not_a_failure(*, worker, submitted, after_spacing, monkeypatch, status):
    """A running job is paid: as long as it is asked to wait, it waits."""
    handle = submitted
    monkeypatch.setattr(worker.services.api, "poll", lambda *_, **__: Busy(None, status))
    for _ in range(20):
        after_spacing(handle.id)
        worker.ring()

    entry = worker.services.ledger.get(handle.id)
    assert (entry.state, entry.consecutive_failures, entry.polls) == (State.CONVERTING, 0, 20)


# -- a replay of what may have been paid --------------------------------------------------------


@pytest.fixture
def possibly_paid(worker, unclear):
    """A dead letter of which nobody knows whether it was paid; the service has the job."""
    handle = unclear
    failure = Failure(FailureKind.POSSIBLY_PAID, "Nobody knows.")
    follow(worker.services, worker.services.ledger.failed(_entry(worker, handle), failure))
    worker.work()
    assert _entry(worker, handle).delivered
    return handle


def _entry(worker, handle):
    return worker.services.ledger.get(handle.id)


def test_a_replay_finds_the_old_jobs_result_and_pays_nothing(
    worker, possibly_paid, conveyor, sandbox
):
    handle = possibly_paid
    posted = worker.services.ledger.get(handle.id).job_id
    assert conveyor.dead_letters.replay(handle.id).state is State.CONVERTING
    assert worker.services.ledger.get(handle.id).job_id == posted
    worker.work()

    assert handle.get().state is State.SUCCEEDED
    audit = sandbox.audit()
    assert (audit["submits"], audit["paid"], audit["violations"]) == (1, 1, 0)


def test_a_replay_that_finds_no_old_job_pays_for_one_with_an_id_of_its_own(
    worker, possibly_paid, conveyor, sandbox, posts
):
    handle = possibly_paid
    before = _entry(worker, handle)
    worker.services.api.delete_job(before.base_url, before.dialect, before.job_id)
    conveyor.dead_letters.replay(handle.id)
    done = worker.work()

    assert done.count(names.POLL) >= 2
    assert handle.get().state is State.SUCCEEDED
    (job_id,) = posts.ids
    assert job_id != before.job_id
    assert sandbox.audit()["paid_duplicates"] == 0


@pytest.mark.parametrize("age_s", [JOB_LIFE_S, 30 * 24 * 3600])
def test_replay_after_the_jobs_life_does_not_ask_for_it(
    *, worker, possibly_paid, conveyor, age, sandbox, posts, age_s
):
    handle = possibly_paid
    age(handle.id, age_s)
    sandbox.reset()
    assert conveyor.dead_letters.replay(handle.id).state is State.QUEUED
    worker.work()

    assert handle.get().state is State.SUCCEEDED
    assert (len(posts.ids), sandbox.audit()["unknown_polls"]) == (1, 0)


def test_two_replays_at_once_are_one(worker, possibly_paid, conveyor, sandbox):
    handle = possibly_paid
    dead = worker.services.ledger.get(handle.id)

    assert worker.services.ledger.ask_again(dead) is not None
    assert worker.services.ledger.ask_again(dead) is None
    assert worker.services.ledger.replay(dead) is None
