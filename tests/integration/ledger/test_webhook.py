"""A webhook's call, at every moment of a conversion's life."""

from __future__ import annotations

from dataclasses import replace

import pytest

from conveyor.domain.conversion import Failure, FailureKind, State, StoredFile
from conveyor.domain.dialect import Dialect
from conveyor.ledger import Submission

JOB = "0" * 32
SPACING_S, LEASE_S, SLOT_S = 5.0, 15.0, 0.25
FILES = (StoredFile("a.pdf", "file:///a.pdf", 3, "00"),)


@pytest.fixture
def worker(claiming):
    return claiming(spacing_s=SPACING_S, lease_s=LEASE_S)


@pytest.fixture
def ledger(worker):
    """One that rings."""
    return worker.ledger


@pytest.fixture
def call(ledger, bells):
    """Have the service call, and tell what was rung for it."""

    def it_calls(entry, job_id=JOB):
        bells.take()
        ledger.job_ended(entry.id, job_id)
        return bells.take()

    return it_calls


def test_a_call_brings_the_next_poll_forward_at_once(*, ledger, make, dates, call, worker):
    entry = make.converting(confirmed=True)
    dates.set(2e9, entry.id)

    (rung,) = call(entry)

    assert (rung.kind, rung.wait_s) == ("poll", 0)
    assert replace(ledger.get(entry.id), webhook_received=False) == entry
    assert dates.of(entry.id) <= ledger.now()  # its message may be lost
    assert worker.polls() == [entry.id]


def test_after_a_poll_it_waits_for_the_spacing(*, ledger, make, worker, dates, call):
    entry = make.converting(confirmed=True)
    passed = worker.enter(entry)
    ledger.poll_later(passed.entry, 60.0, confirmed=True, failed=False, leaving=passed.leaving)

    (rung,) = call(entry)

    assert SPACING_S - 3 < rung.wait_s <= SPACING_S + 0.02 + SLOT_S
    assert dates.of(entry.id) <= rung.at


def test_a_call_while_a_poll_is_in_flight_is_told_to_whoever_notes_its_answer(
    *, ledger, make, worker, dates, call
):
    entry = make.converting(confirmed=True)
    passed = worker.enter(entry)

    assert call(entry) == []
    noted = ledger.poll_later(
        passed.entry, 60.0, confirmed=True, failed=False, leaving=passed.leaving
    )

    assert noted.webhook_received
    assert dates.of(entry.id) < noted.created_at + 30  # not a minute later


def test_a_call_before_the_submits_answer_is_told_to_whoever_notes_that(ledger, make, call):
    begun = make.converting()

    assert call(begun) == []
    assert ledger.started(begun, JOB, 60.0).webhook_received


def test_a_call_for_a_job_whose_own_id_nobody_knows_yet_is_kept(ledger, make, call):
    """The service may answer with an id of its own, and call before that answer is noted."""
    begun = make.converting()

    assert call(begun, "an id of the service's own") == []
    assert ledger.started(begun, "an id of the service's own", 60.0).webhook_received


@pytest.mark.parametrize("has_called", [True, False], ids=["called", "not called"])
def test_where_a_webhook_will_call_only_a_call_has_a_bell_rung_for_the_next_poll(
    *, ledger, make, bells, call, worker, has_called
):
    """So no message waits for a fallback poll that is seldom needed."""
    queued = worker.post(make.queued())
    begun = ledger.begin_submit(
        queued.entry, Submission(JOB, "http://x", Dialect.PATH, webhook=True), queued.entering
    )
    if has_called:
        call(begun)
    bells.take()
    ledger.started(begun, JOB, 30.0, leaving=queued.leaving)

    assert [rung.kind for rung in bells.take()] == (["poll"] if has_called else [])


def test_the_poll_that_was_called_for_forgets_the_call(ledger, make, worker, call):
    entry = make.converting(confirmed=True)
    assert call(entry)
    passed = worker.enter(entry)
    noted = ledger.poll_later(
        passed.entry, 60.0, confirmed=True, failed=False, leaving=passed.leaving
    )

    assert not noted.webhook_received
    assert call(entry)


def test_a_poll_that_finds_the_way_closed_does_not_forget_it(ledger, make, worker, call):
    entry = make.converting(confirmed=True)
    worker.enter(entry)
    call(entry)
    assert worker.enter(entry) is None

    assert ledger.get(entry.id).webhook_received


def test_a_new_job_begins_without_a_call(ledger, make):
    begun = make.converting()
    ledger.job_ended(begun.id, JOB)
    back = ledger.put_back(begun, 1.0, "throttled", lost=False)

    assert not make.submitting(back).webhook_received


STATES = {
    "queued": lambda ledger, make: make.queued(),
    "ready": lambda ledger, make: make.ready(),
    "succeeded": lambda ledger, make: ledger.succeeded(make.ready(), FILES),
    "failed": lambda ledger, make: ledger.failed(
        make.converting(confirmed=True), Failure(FailureKind.SERVICE, "Broken.")
    ),
    "cancelled": lambda ledger, make: ledger.cancelled(make.converting(confirmed=True)),
}


@pytest.mark.parametrize("state", STATES)
def test_an_early_or_late_call_changes_nothing(state, ledger, make, call):
    entry = STATES[state](ledger, make)

    assert call(entry) == []
    assert ledger.get(entry.id) == entry


def test_a_repeated_call_and_one_for_another_job_change_nothing(ledger, make, call):
    entry = make.converting(confirmed=True)
    assert call(entry, "another") == []
    assert ledger.get(entry.id) == entry
    assert call(entry)
    noted = ledger.get(entry.id)

    assert call(entry) == []
    assert ledger.get(entry.id) == noted


def test_a_call_for_nobody_leaves_no_trace(ledger, client):
    ledger.job_ended("nobody", JOB)

    assert client.dbsize() == 0


def test_it_is_never_a_state_that_a_call_changes(ledger, make):
    entry = make.converting(confirmed=True)
    ledger.job_ended(entry.id, JOB)

    assert ledger.get(entry.id).state is State.CONVERTING
    assert len(ledger.events(entry.id)) == 2
