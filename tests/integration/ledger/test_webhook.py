"""A webhook's call, at every moment of a conversion's life."""

from __future__ import annotations

from dataclasses import replace

import pytest

from conveyor.conversion import Failure, FailureKind, State, StoredFile
from conveyor.ledger.keys import Keys
from conveyor.turnstile import Turnstile

KEYS = Keys()

JOB = "0" * 32
SPACING_S, LEASE_S = 5.0, 15.0
FILES = (StoredFile("a.pdf", "file:///a.pdf", 3, "00"),)


@pytest.fixture
def turnstile(client):
    return Turnstile(client, SPACING_S, LEASE_S)


def test_a_call_brings_the_next_poll_forward_at_once(ledger, make, client):
    entry = make.converting(alive=True)
    client.zadd(KEYS.due, {entry.id: 2e9})

    called, wait_s = ledger.job_ended(entry.id, JOB)

    assert wait_s == 0
    assert replace(called, called=False) == entry
    assert client.zscore(KEYS.due, entry.id) < 2e9  # its message may be lost


def test_after_a_poll_it_waits_for_the_spacing(ledger, make, turnstile):
    entry = make.converting(alive=True)
    passed = turnstile.enter(entry.id, entry.wakeup)
    ledger.later(passed.entry, 60.0, alive=True, strike=False, leaving=passed.leaving)

    _, wait_s = ledger.job_ended(entry.id, JOB)

    assert 0 < wait_s <= SPACING_S + 0.02


def test_a_call_while_a_poll_is_in_flight_is_told_to_whoever_notes_its_answer(
    ledger, make, turnstile, client
):
    entry = make.converting(alive=True)
    passed = turnstile.enter(entry.id, entry.wakeup)

    assert ledger.job_ended(entry.id, JOB) is None
    noted = ledger.later(passed.entry, 60.0, alive=True, strike=False, leaving=passed.leaving)

    assert noted.called
    assert client.zscore(KEYS.due, entry.id) < noted.created_at + 30  # not a minute later


def test_a_call_before_the_submits_answer_is_told_to_whoever_notes_that(ledger, make):
    begun = make.converting()

    assert ledger.job_ended(begun.id, JOB) is None
    assert ledger.started(begun, JOB, 60.0).called


def test_a_call_for_a_job_whose_own_id_nobody_knows_yet_is_kept(ledger, make):
    """The service may answer with an id of its own, and call before that answer is noted."""
    begun = make.converting()

    assert ledger.job_ended(begun.id, "an id of the service's own") is None
    assert ledger.started(begun, "an id of the service's own", 60.0).called


def test_the_poll_that_was_called_for_forgets_the_call(ledger, make, turnstile):
    entry = make.converting(alive=True)
    ledger.job_ended(entry.id, JOB)
    passed = turnstile.enter(entry.id, entry.wakeup)
    noted = ledger.later(passed.entry, 60.0, alive=True, strike=False, leaving=passed.leaving)

    assert not noted.called
    assert ledger.job_ended(entry.id, JOB) is not None


def test_a_poll_that_finds_the_way_closed_does_not_forget_it(ledger, make, turnstile):
    entry = make.converting(alive=True)
    turnstile.enter(entry.id, entry.wakeup)
    ledger.job_ended(entry.id, JOB)
    turnstile.enter(entry.id, entry.wakeup)

    assert ledger.get(entry.id).called


def test_a_new_job_begins_without_a_call(ledger, make):
    begun = make.converting()
    ledger.job_ended(begun.id, JOB)
    back = ledger.put_back(begun, 1.0, "throttled", lost=False)

    assert not make.submitting(back).called


STATES = {
    "queued": lambda ledger, make: make.queued(),
    "ready": lambda ledger, make: make.ready(),
    "succeeded": lambda ledger, make: ledger.succeeded(make.ready(), FILES),
    "failed": lambda ledger, make: ledger.failed(
        make.converting(alive=True), Failure(FailureKind.SERVICE, "Broken.")
    ),
    "cancelled": lambda ledger, make: ledger.cancelled(make.converting(alive=True)),
}


@pytest.mark.parametrize("state", STATES)
def test_an_early_or_late_call_changes_nothing(state, ledger, make):
    entry = STATES[state](ledger, make)

    assert ledger.job_ended(entry.id, JOB) is None
    assert ledger.get(entry.id) == entry


def test_a_repeated_call_and_one_for_another_job_change_nothing(ledger, make):
    entry = make.converting(alive=True)
    assert ledger.job_ended(entry.id, "another") is None
    assert ledger.get(entry.id) == entry
    ledger.job_ended(entry.id, JOB)
    called = ledger.get(entry.id)

    assert ledger.job_ended(entry.id, JOB) is None
    assert ledger.get(entry.id) == called


def test_a_call_for_nobody_leaves_no_trace(ledger, client):
    assert ledger.job_ended("nobody", JOB) is None
    assert client.dbsize() == 0


def test_it_is_never_a_state_that_a_call_changes(ledger, make):
    entry = make.converting(alive=True)
    ledger.job_ended(entry.id, JOB)

    assert ledger.get(entry.id).state is State.CONVERTING
    assert len(ledger.events(entry.id)) == 2
