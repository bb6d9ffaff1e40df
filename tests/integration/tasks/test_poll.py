from __future__ import annotations

import time

import pytest

from conveyor import State, names
from conveyor.domain.dialect import Dialect
from conveyor.ledger import Submission
from conveyor.ledger.keys import Keys

KEYS = Keys()


@pytest.fixture
def submitted(worker, conveyor, document):
    """A conversion that the service has, and the poll that waits for it."""
    handle = conveyor.convert(document, to="html")
    worker.run(worker.waiting()[0])
    (poll,) = worker.waiting()
    return handle.id, poll


@pytest.fixture
def lost(worker, conveyor, document, sandbox):
    """A conversion whose intent is on record, and whose POST never arrived."""
    ledger = worker.services.ledger
    handle = conveyor.convert(document, to="html")
    worker.drop()
    entry = ledger.get(handle.id)
    job_id = Dialect.PATH.job_id(worker.services.job_uuid(entry))
    return ledger.begin_submit(entry, Submission(job_id, sandbox.url, Dialect.PATH))


def test_bell_before_the_due_time_sends_no_request(worker, submitted, client, sandbox):
    conversion_id, _ = submitted
    client.zadd(KEYS.due("poll"), {conversion_id: worker.services.ledger.now() + 30})
    before = worker.services.ledger.get(conversion_id)
    worker.ring()

    assert worker.services.ledger.get(conversion_id) == before
    assert worker.waiting() == []
    assert sandbox.audit()["polls"] == 0


def test_bell_that_comes_before_its_time_is_rung_again_for_that_time(
    worker, submitted, client, sandbox
):
    """A host's clock may be ahead: nothing is due yet by Redis' clock."""
    conversion_id, _ = submitted
    client.zadd(KEYS.due("poll"), {conversion_id: worker.services.ledger.now() + 19.5})
    begun = time.time()
    at = worker.services.ledger.now() + 20
    worker.call(names.POLL, at=at)
    (again,) = worker.waiting()

    assert again.task == names.POLL
    assert again.kwargs == {"at": pytest.approx(at, abs=0.01)}
    assert begun + 19 < again.due_at < time.time() + 20.01
    assert sandbox.audit()["polls"] == 0


def test_a_poll_that_comes_twice_asks_once(worker, submitted, sandbox):
    _, poll = submitted
    worker.run_when_due(poll)
    worker.run(poll)

    assert sandbox.audit()["polls"] == 1
    assert sandbox.audit()["violations"] == 0


def test_poll_of_an_unknown_conversion_ends(worker, sandbox):
    worker.ring()

    assert worker.waiting() == []
    assert sandbox.audit()["requests"] == 0


def test_too_early_it_comes_again_when_the_way_is_free(
    *, worker_of, submitted, client, sandbox, make_overdue, due_at
):
    conversion_id, _ = submitted
    with worker_of(sandbox.url, poll_spacing_seconds=30.0) as worker:
        begun, begun_there = time.time(), worker.services.ledger.now()
        make_overdue()
        client.set(KEYS.turnstile(conversion_id), "left", px=20_000)
        worker.ring()
        (again,) = worker.waiting()

    assert again.task == names.POLL
    # At the end of the slot in which the way is free.
    assert begun + 19 < again.due_at < time.time() + 20.3
    assert begun_there + 19 < due_at(conversion_id) <= again.kwargs["at"]
    assert sandbox.audit()["polls"] == 0


def test_while_another_is_in_it_ends(*, worker, submitted, client, sandbox, make_overdue, due_at):
    """Whoever is in sets the next date; a repeated message must not multiply."""
    conversion_id, _ = submitted
    make_overdue()
    client.set(KEYS.turnstile(conversion_id), "another", px=18_000)
    worker.ring()

    assert worker.waiting() == []
    assert sandbox.audit()["polls"] == 0
    # If that one has died, it is due when its lease has lapsed.
    left_s = due_at(conversion_id) - worker.services.ledger.now()
    assert 17 < left_s < 20


def test_a_job_that_never_arrived_is_submitted_again_under_the_same_id(
    worker, lost, sandbox, make_overdue
):
    make_overdue()
    worker.ring()
    # A gateway may hold the POST: the first 404 proves nothing.
    asked = worker.services.ledger.get(lost.id)
    assert (asked.state, asked.missing, asked.submits) == (State.CONVERTING, 1, 1)

    put_back = _poll_until_it_is(State.QUEUED, worker, lost.id)
    assert (put_back.job_id, put_back.submits, put_back.lost) == (lost.job_id, 1, 1)
    assert put_back.polls >= 2

    worker.run_when_due(worker.waiting()[0])
    posted = worker.services.ledger.get(lost.id)
    assert (posted.state, posted.job_id, posted.submits) == (State.CONVERTING, lost.job_id, 2)
    worker.work()
    assert worker.services.ledger.get(lost.id).state is State.SUCCEEDED
    assert sandbox.audit()["paid"] == 1


def _poll_until_it_is(state, worker, conversion_id):
    while (entry := worker.services.ledger.get(conversion_id)).state is not state:
        (message,) = worker.waiting()
        worker.run_when_due(message)
    return entry


def test_a_job_that_was_alive_and_is_gone_is_not_paid_again(worker, submitted, sandbox):
    conversion_id, poll = submitted
    sandbox.reset()
    worker.run_when_due(poll)
    worker.work()

    assert worker.services.ledger.get(conversion_id).state is State.EXPIRED
    assert worker.services.ledger.dead_ids() == [conversion_id]
    assert sandbox.audit()["jobs"] == 0


@pytest.mark.parametrize("fault", ["gateway_poll", "lost_poll", "truncated_json"])
def test_a_poll_without_an_answer_is_made_again_later(worker, submitted, sandbox, fault):
    conversion_id, poll = submitted
    sandbox.set_faults({fault: 1.0})
    time.sleep(max(poll.due_at - time.time(), 0))
    begun = time.time()
    worker.run(poll)
    (again,) = worker.waiting()
    noted = worker.services.ledger.get(conversion_id)
    assert (noted.state, noted.confirmed) == (State.CONVERTING, True)
    assert again.due_at > begun + worker.services.spacing_s

    sandbox.set_faults({})
    worker.run_when_due(again)
    worker.work()
    assert worker.services.ledger.get(conversion_id).state is State.SUCCEEDED
    assert sandbox.audit()["violations"] == 0


def test_an_error_of_the_service_is_a_dead_letter(worker, conveyor, sandbox, document):
    sandbox.set_faults({"error_5003": 1.0})
    handle = conveyor.convert(document, to="html")
    worker.work()

    failure = handle.get().failure
    assert (failure.code, failure.kind) == (5003, "input")
    assert "Password" in failure.message
    assert [dead.id for dead in conveyor.dead_letters.list()] == [handle.id]
