"""What one claim has brought is worked on side by side, each conversion on its own."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from conveyor import State, names
from conveyor.bells import Belfry
from conveyor.convertapi.client import ConvertApi
from conveyor.errors import LedgerUnavailable
from conveyor.ledger import Ledger
from conveyor.ledger.keys import Keys

KEYS = Keys()
# What is due in the same slot shares a bell.
SLOT_S = 0.25


class BugError(RuntimeError):
    """Nobody expects it."""


@pytest.fixture
def converting(worker, conveyor, document):
    """Three conversions that the service has."""
    handles = [conveyor.convert(document, to="html") for _ in range(3)]
    worker.run(worker.waiting()[0])
    assert {handle.get().state for handle in handles} == {State.CONVERTING}
    return handles


@pytest.fixture
def fails_for(monkeypatch):
    """Let a method raise for one conversion."""

    def arrange(kind, method, error, is_it):
        call = getattr(kind, method)

        def failing(self, *args, **options):
            if is_it(*args):
                raise error
            return call(self, *args, **options)

        monkeypatch.setattr(kind, method, failing)

    return arrange


def test_one_bell_has_all_submitted_that_are_due(worker, conveyor, document, sandbox):
    handles = [conveyor.convert(document, to="html") for _ in range(3)]
    messages = worker.waiting()
    worker.run(messages[0])

    assert [message.task for message in messages] == [names.SUBMIT]
    assert {handle.get().state for handle in handles} == {State.CONVERTING}
    assert sandbox.audit()["paid"] == 3


def test_what_is_raised_for_one_is_counted_there_and_harms_no_other(
    *, worker, converting, sandbox, fails_for
):
    bad, *others = converting
    job_id = worker.services.ledger.get(bad.id).job_id
    fails_for(ConvertApi, "poll", BugError(), lambda *args: job_id in args)
    with capture_logs() as logs:
        while not all(handle.get().state is State.SUCCEEDED for handle in others):
            for message in worker.waiting():
                worker.run_when_due(message)

    assert [it["event"] for it in logs if it["log_level"] == "error"] == ["stumbled"]
    entry = worker.services.ledger.get(bad.id)
    assert (entry.state, entry.stumbles) == (State.CONVERTING, 1)
    assert {worker.services.ledger.get(handle.id).delivered for handle in others} == {True}
    assert sandbox.audit()["violations"] == 0


def test_redis_that_is_away_for_one_is_no_stumble_and_it_goes_on_after_its_lease(
    *, worker, converting, sandbox, client, monkeypatch, make_overdue, fails_for
):
    bad, *others = converting
    with monkeypatch.context():
        away = LedgerUnavailable("Redis is away.")
        fails_for(Ledger, "_run", away, lambda name, id_, *_: id_ == bad.id)
        while not all(handle.get().state is State.SUCCEEDED for handle in others):
            for message in worker.waiting():
                worker.run_when_due(message)
    monkeypatch.undo()

    entry = worker.services.ledger.get(bad.id)
    assert (entry.state, entry.stumbles) == (State.CONVERTING, 0)
    # Nobody polls it before the lease of whoever did not note his answer has ended.
    assert 0 < client.pttl(KEYS.turnstile(bad.id)) <= 15_000
    make_overdue()
    worker.ring()
    assert worker.services.ledger.get(bad.id).polls == 0

    client.delete(KEYS.turnstile(bad.id))
    worker.drop()
    make_overdue()
    assert worker.sweep() == 1
    worker.work()
    assert bad.get().state is State.SUCCEEDED
    assert sandbox.audit()["paid"] == 3


def test_broker_that_takes_no_bell_delays_and_harms_nothing(
    *, worker, converting, monkeypatch, make_overdue
):
    def away(*_):
        raise OSError("away")

    worker.drop()
    make_overdue()
    with monkeypatch.context() as patch:
        patch.setattr(Belfry, "ring", away)
        worker.ring()
    assert worker.waiting() == []
    assert {worker.services.ledger.get(handle.id).stumbles for handle in converting} == {0}

    worker.drop()
    make_overdue()
    for _ in range(20):
        if worker.sweep() == 0:
            break
        worker.work()
        make_overdue()
    assert {handle.get().state for handle in converting} == {State.SUCCEEDED}


def test_more_than_there_is_room_for_is_left_to_the_next_bell(
    *, worker_of, sandbox, conveyor, document
):
    with worker_of(sandbox.url, requests=2) as worker:
        handles = [conveyor.convert(document, to="html") for _ in range(3)]
        (bell,) = worker.waiting()
        worker.run(bell)
        states = sorted(handle.get().state.value for handle in handles)
        assert states == ["converting", "converting", "queued"]
        assert names.SUBMIT in worker.work()
    assert {handle.get().state for handle in handles} == {State.SUCCEEDED}


@pytest.fixture
def no_room(worker, monkeypatch):
    monkeypatch.setattr(worker.services.crew, "room", lambda _: 0)


def test_where_there_is_no_room_one_bell_a_slot_comes_later_however_many_ask(
    *, worker, conveyor, document, no_room, sandbox
):
    handle = conveyor.convert(document, to="html")
    worker.drop()
    begun = worker.services.ledger.now()
    for _ in range(20):
        worker.ring(names.SUBMIT)
    ended = worker.services.ledger.now()
    bells = worker.waiting()

    assert {bell.task for bell in bells} == {names.SUBMIT}
    assert 1 <= len(bells) <= int(ended / SLOT_S) - int(begun / SLOT_S) + 1
    assert min(bell.kwargs["at"] for bell in bells) > begun + 1
    assert handle.get().state is State.QUEUED
    assert sandbox.audit()["requests"] == 0


def test_where_there_is_no_room_and_nothing_is_due_no_bell_comes(worker, no_room):
    for name in (names.SUBMIT, names.POLL, names.DELIVER):
        worker.ring(name)

    assert worker.waiting() == []


def test_signature_that_comes_where_there_is_no_room_is_accepted_and_waits(
    *, worker, conveyor, document, monkeypatch
):
    with monkeypatch.context() as patch:
        patch.setattr(worker.services.crew, "room", lambda _: 0)
        result = conveyor.signature(document, to="html").apply_async(ignore_result=True)
        worker.run(worker.waiting()[0])
    assert conveyor.get(result.id).state is State.QUEUED

    worker.work()
    assert conveyor.get(result.id).state is State.SUCCEEDED
