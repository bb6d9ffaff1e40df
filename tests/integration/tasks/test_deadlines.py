"""What has not begun at the service by its deadline is cancelled unpaid, and its caller hears."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest
from celery import Signature
from celery.result import AsyncResult

from conveyor import ConversionCancelled, State
from conveyor.domain.conversion import Failure, FailureKind, Reason
from conveyor.ledger import Submission
from conveyor.ledger.keys import Keys
from conveyor.messaging import cancelling
from workers import deadlines

KEYS = Keys()
PAST = datetime(2026, 1, 1, tzinfo=UTC)


class Killed(BaseException):
    """The process is gone: nothing after this line runs."""


@pytest.fixture
def let_it_pass(client):
    """Let a conversion's deadline have passed, without a wait."""

    def run(handle):
        client.hset(KEYS.conversion(handle.id), "deadline_at", "1000000000.000000")
        client.zadd(KEYS.deadlines, {handle.id: 1_000_000_000}, xx=True)

    return run


@pytest.fixture
def note(conveyor):
    return lambda queue: Signature("web.note", queue=queue, app=conveyor.celery_app)


def _is_too_late(handle, sandbox):
    conversion = handle.get()
    assert (conversion.state, conversion.failure.kind) == (State.CANCELLED, FailureKind.CANCELLED)
    assert conversion.failure.reason is Reason.MISSED_DEADLINE
    assert sandbox.audit()["paid"] == 0
    return conversion.failure.message


# -- it has not begun ---------------------------------------------------------------------------


def test_late_conversion_is_cancelled_and_its_caller_hears_why(
    *, worker, conveyor, document, sandbox, client, note
):
    handle = conveyor.convert(document, "html", deadline=PAST, on_failure=note("ill"))
    worker.drop()
    assert deadlines.end_late() == 1
    worker.work()

    assert _is_too_late(handle, sandbox) == (
        "It had not begun by its deadline, 2026-01-01T00:00:00+00:00. Nothing was paid. Convert it "
        "again with a later deadline if you still need it."
    )
    with pytest.raises(ConversionCancelled, match="deadline") as raised:
        AsyncResult(handle.id, app=worker.app).get(timeout=10)
    assert raised.value.reason == Reason.MISSED_DEADLINE
    assert client.llen("ill") == 1
    assert client.zcard(KEYS.deadlines) == 0
    assert deadlines.end_late() == 0


def test_claim_of_a_late_conversion_uploads_and_posts_nothing(
    *, worker, conveyor, document, sandbox, posts, client
):
    handle = conveyor.convert(document, "html", deadline=PAST)
    worker.work()

    _is_too_late(handle, sandbox)
    assert (posts.ids, sandbox.audit()["requests"]) == ([], 0)
    assert client.get(KEYS.turnstile(handle.id)) in (None, "left")


def test_deadline_in_time_changes_nothing(*, worker, conveyor, document, sandbox, client):
    handle = conveyor.convert(document, "html", deadline=600)
    assert client.zscore(KEYS.deadlines, handle.id) == pytest.approx(
        worker.services.ledger.now() + 600, abs=60
    )
    worker.work()

    assert handle.get().state is State.SUCCEEDED
    assert sandbox.audit()["paid"] == 1
    assert client.zcard(KEYS.deadlines) == 0


@pytest.mark.parametrize("window", ["before the sources", "after the sources"])
def test_deadline_that_passes_between_claim_and_post_posts_nothing(
    *, worker, conveyor, document, sandbox, posts, let_it_pass, monkeypatch, window
):
    handle = conveyor.convert(document, "html", deadline=600)
    ledger = worker.services.ledger
    name = "uploaded" if window == "before the sources" else "begin_submit"
    real = getattr(ledger, name)

    def passes(*args, **options):
        let_it_pass(handle)
        return real(*args, **options)

    monkeypatch.setattr(ledger, name, passes)
    worker.run_at_once()
    assert handle.state is State.QUEUED
    deadlines.end_late()
    worker.work()

    _is_too_late(handle, sandbox)
    assert posts.ids == []


def test_hold_keeps_no_deadline_from_passing(worker, conveyor, document, sandbox, let_it_pass):
    handle = conveyor.convert(document, "html", deadline=600)
    worker.services.governor.hold("The balance is used up.", 4014)
    worker.run_at_once()
    assert handle.state is State.QUEUED
    let_it_pass(handle)
    deadlines.end_late()
    worker.drop()

    _is_too_late(handle, sandbox)


def test_throttle_keeps_no_deadline_from_passing(worker, conveyor, document, sandbox, let_it_pass):
    sandbox.set_faults({"retry_huge_429_submit": 1.0})
    handle = conveyor.convert(document, "html", deadline=600)
    worker.run_at_once()
    assert (handle.state, worker.services.ledger.get(handle.id).note != "") == (State.QUEUED, True)
    let_it_pass(handle)
    deadlines.end_late()
    worker.drop()

    assert "(ConvertAPI is throttling)" in _is_too_late(handle, sandbox)


def test_signature_whose_message_comes_late_is_cancelled(*, worker, conveyor, document, sandbox):
    result = conveyor.signature(document, to="html", deadline=PAST).apply_async()
    worker.work()

    with pytest.raises(ConversionCancelled, match="deadline"):
        AsyncResult(result.id, app=worker.app).get(timeout=10)
    assert sandbox.audit()["paid"] == 0


@pytest.mark.parametrize("waits", ["wait", "await_"])
def test_whoever_waits_hears_it_without_any_worker(conveyor, document, waits):
    handle = conveyor.convert(document, "html", deadline=PAST)

    with pytest.raises(ConversionCancelled, match="deadline"):
        handle.wait(10) if waits == "wait" else asyncio.run(handle.await_(10))
    assert handle.state is State.CANCELLED


@pytest.mark.parametrize("follows", ["events", "aevents"])
def test_whoever_follows_sees_it_end_without_any_worker(conveyor, document, follows):
    handle = conveyor.convert(document, "html", deadline=PAST)

    async def states():
        return [event.state async for event in handle.aevents()]

    seen = asyncio.run(states()) if follows == "aevents" else [it.state for it in handle.events()]
    assert seen == [State.QUEUED, State.CANCELLED]


# -- it has begun, or may have ------------------------------------------------------------------


def test_post_without_an_answer_has_begun_and_is_paid_once(
    *, worker, conveyor, document, sandbox, posts, let_it_pass
):
    sandbox.set_faults({"lost_submit": 1.0})
    handle = conveyor.convert(document, "html", deadline=600)
    worker.run_at_once()
    sandbox.set_faults({})
    let_it_pass(handle)

    assert deadlines.end_late() == 0
    assert handle.state is State.CONVERTING
    worker.work()
    assert handle.get().state is State.SUCCEEDED
    assert (len(posts.ids), sandbox.audit()["paid"]) == (1, 1)


def test_post_in_flight_at_the_deadline_goes_on(
    *, worker, conveyor, document, sandbox, posts, let_it_pass
):
    handle = conveyor.convert(document, "html", deadline=600)
    ended = []

    def meanwhile():
        let_it_pass(handle)
        ended.append(deadlines.end_late())

    posts.meanwhile = meanwhile
    worker.work()

    assert ended == [0]
    assert handle.get().state is State.SUCCEEDED
    assert sandbox.audit()["paid"] == 1


def test_post_that_is_proved_lost_after_the_deadline_is_not_repeated(
    *, worker, conveyor, document, sandbox, posts, let_it_pass, client, monkeypatch
):
    sandbox.set_faults({"closed_submit": 1.0})
    handle = conveyor.convert(document, "html", deadline=600)
    worker.run_at_once()
    assert handle.state is State.CONVERTING
    sandbox.set_faults({})
    let_it_pass(handle)
    worker.work()
    deadlines.end_late()
    worker.work()

    assert "nothing should be paid" in _is_too_late(handle, sandbox)
    assert len(posts.ids) == 1


def test_begun_conversion_that_redis_has_lost_is_no_matter_of_the_deadline(
    *, worker, conveyor, document, client
):
    handle = conveyor.convert(document, "html", deadline=PAST)
    client.delete(KEYS.conversion(handle.id))

    assert deadlines.end_late() == 0
    assert client.zcard(KEYS.deadlines) == 0


# -- what else may happen -----------------------------------------------------------------------


@pytest.mark.parametrize("window", ["after the note", "after the message"])
def test_worker_that_dies_while_it_cancels_loses_nothing(
    *, worker, conveyor, document, sandbox, note, client, make_overdue, monkeypatch, window
):
    handle = conveyor.convert(document, "html", deadline=PAST, on_failure=note("ill"))
    worker.drop()
    real = cancelling.bells.deliver

    def dies(*args):
        if window == "after the message":
            real(*args)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(cancelling.bells, "deliver", dies)
        with pytest.raises(Killed):
            deadlines.end_late()
    worker.drop()
    make_overdue()
    worker.sweep()
    worker.work()

    _is_too_late(handle, sandbox)
    assert client.llen("ill") == 1


def test_damaged_conversion_hides_no_late_one(*, worker, conveyor, document, sandbox, client):
    damaged = conveyor.convert(document, "html", deadline=PAST)
    client.hset(KEYS.conversion(damaged.id), "attempt", "x")
    newer = conveyor.convert(document, "html", deadline=PAST)
    client.hset(KEYS.conversion(newer.id), "v", "2")
    late = conveyor.convert(document, "html", deadline=PAST)
    worker.drop()

    assert deadlines.end_late() == 1
    _is_too_late(late, sandbox)
    # Its own release ends the newer one.
    assert client.zrange(KEYS.deadlines, 0, -1) == [newer.id]
    assert list(worker.services.ledger.unreadable()) == [damaged.id]


def test_replay_has_no_deadline(*, worker, conveyor, document, sandbox, let_it_pass):
    handle = conveyor.convert(document, "html", deadline=600)
    ledger = worker.services.ledger
    worker.drop()
    ledger.failed(ledger.get(handle.id), Failure(FailureKind.SERVICE, "Broken."))
    conveyor.dead_letters.replay(handle.id)

    assert ledger.get(handle.id).deadline_at is None
    assert deadlines.end_late() == 0
    worker.work()
    assert handle.get().state is State.SUCCEEDED


def test_intent_that_was_on_record_is_noted_again_after_the_deadline(worker, conveyor, let_it_pass):
    """Redis has lost it, and the POST is a fact."""
    handle = conveyor.convert("https://example.com/a.docx", "pdf", deadline=600)
    ledger = worker.services.ledger
    job = Submission("0" * 32, "http://x", worker.services.ledger.get(handle.id).dialect)
    let_it_pass(handle)
    late = ledger.get(handle.id)

    assert ledger.begin_submit(late, job) is None
    assert ledger.begin_submit(late, job, was_lost=True).state is State.CONVERTING
    assert ledger.too_late(late) is None
