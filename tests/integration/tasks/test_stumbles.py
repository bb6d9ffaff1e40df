"""Whatever a task raises that nobody expects: counted, and in the end a dead letter (I2)."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import pytest
from celery.result import AsyncResult

from conveyor import ConversionFailed, State, names
from conveyor.convertapi.client import ConvertApi
from conveyor.domain.conversion import FailureKind
from conveyor.domain.dialect import Dialect
from conveyor.errors import LedgerUnavailable
from conveyor.ledger import Submission
from conveyor.ledger.keys import Keys

pytestmark = pytest.mark.tracebacks("BugError")

KEYS = Keys()

SECRET = "hush-of-the-test"


class BugError(RuntimeError):
    """Nobody expects it."""


def _raise(*_, **__):
    raise BugError("words that tell nothing")


@pytest.fixture
def come_again(make_overdue, client):
    """Run what the sweep brings once all is overdue, and the turnstiles and leases have ended."""

    def run(worker):
        worker.drop()
        make_overdue()
        for held in ("turnstile", "delivery"):
            for key in client.scan_iter(f"{KEYS.prefix}{held}:*"):
                client.delete(key)
        worker.sweep()

    return run


def _state(conversion_id, worker):
    return AsyncResult(conversion_id, app=worker.app).state


def _reach(state, worker, conveyor, document):
    """A conversion, and the message that works on it next."""
    handle = conveyor.convert(document, to="html")
    (message,) = worker.waiting()
    while handle.get().state is not state or message.task not in TASKS[state]:
        worker.run_when_due(message)
        (message,) = worker.waiting()
    return handle, message


TASKS = {State.QUEUED: names.SUBMIT, State.CONVERTING: names.POLL, State.READY: names.DELIVER}


@dataclass(frozen=True)
class Bug:
    """Where each task is hit, when, how it then stands, and whether it may have been paid."""

    part: str
    method: str
    reached: State
    left: State
    said: str
    small_bytes: int = 1024 * 1024


BUGS = {
    "submit": Bug("dialects", "candidates", State.QUEUED, State.QUEUED, "Nothing was paid"),
    "poll": Bug("api", "poll", State.CONVERTING, State.CONVERTING, "may have been paid"),
    "poll that delivers": Bug(
        "storage", "result", State.CONVERTING, State.READY, "may have been paid"
    ),
    "deliver": Bug("storage", "result", State.READY, State.READY, "may have been paid", 0),
}


@pytest.fixture(params=BUGS.values(), ids=BUGS)
def bug(request):
    return request.param


@pytest.fixture
def stumbling(worker_of, sandbox, bug):
    """A worker that will meet the bug."""
    with worker_of(sandbox.url, small_bytes=bug.small_bytes) as made:
        yield made


def _begin(bug, worker, patch):
    patch.setattr(type(getattr(worker.services, bug.part)), bug.method, _raise)


def test_third_stumble_makes_a_dead_letter_and_reports_to_the_caller(
    *, stumbling, conveyor, document, monkeypatch, come_again, caplog, bug
):
    worker = stumbling
    handle, message = _reach(bug.reached, worker, conveyor, document)
    with monkeypatch.context() as patch:
        _begin(bug, worker, patch)
        with caplog.at_level(logging.ERROR):
            worker.run_when_due(message)
            assert worker.services.ledger.get(handle.id).stumbles == 1
            assert handle.get().state is bug.left
            come_again(worker)
            assert worker.services.ledger.get(handle.id).stumbles == 2
            come_again(worker)

    conversion = handle.get()
    assert (conversion.state, conversion.failure.kind) == (State.FAILED, FailureKind.INTERNAL)
    assert bug.said in conversion.failure.message
    assert "words that tell nothing" not in conversion.failure.message
    with pytest.raises(ConversionFailed, match="unexpected error") as raised:
        AsyncResult(handle.id, app=worker.app).get(timeout=30)
    assert raised.value.kind == "internal"
    assert worker.services.ledger.get(handle.id).delivered
    assert [dead.id for dead in conveyor.dead_letters.list(FailureKind.INTERNAL)] == [handle.id]
    # The traceback stands in the log, once for each.
    stumbles = [record.msg for record in caplog.records if record.name == "conveyor.task"]
    assert [(it["event"], it["exc_info"]) for it in stumbles] == [("stumbled", True)] * 3
    assert {it["conversion_id"] for it in stumbles} == {handle.id}


def test_conversion_continues_after_one_stumble(
    *, stumbling, conveyor, document, sandbox, monkeypatch, come_again, bug
):
    worker = stumbling
    handle, message = _reach(bug.reached, worker, conveyor, document)
    with monkeypatch.context() as patch:
        _begin(bug, worker, patch)
        worker.run_when_due(message)
    come_again(worker)
    worker.work()

    assert handle.get().state is State.SUCCEEDED
    audit = sandbox.audit()
    assert (audit["paid"], audit["violations"]) == (1, 0)


def test_a_post_that_raises_is_asked_for_and_not_repeated(
    *, worker, conveyor, document, sandbox, monkeypatch, come_again
):
    """Nobody knows what became of it."""
    handle = conveyor.convert(document, to="html")
    (message,) = worker.waiting()
    start = ConvertApi.start

    def start_and_raise(*args, **options):
        start(*args, **options)
        raise BugError

    with monkeypatch.context() as patch:
        patch.setattr(ConvertApi, "start", start_and_raise)
        worker.run(message)
    entry = worker.services.ledger.get(handle.id)
    assert (entry.state, entry.confirmed, entry.stumbles) == (State.CONVERTING, False, 1)
    come_again(worker)
    worker.work()

    assert handle.get().state is State.SUCCEEDED
    assert (sandbox.audit()["submits"], sandbox.audit()["paid"]) == (1, 1)


def test_a_signature_that_stumbles_before_it_is_accepted_tells_its_caller(
    worker, conveyor, document, monkeypatch, sandbox
):
    monkeypatch.setattr(worker.services.ledger, "open", _raise)
    result = conveyor.signature(document, to="html").apply_async()
    worker.work()

    with pytest.raises(ConversionFailed, match="Nothing was paid") as raised:
        AsyncResult(result.id, app=worker.app).get(timeout=30)
    assert raised.value.kind == "internal"
    assert sandbox.audit()["requests"] == 0


@pytest.mark.parametrize(
    "kwargs",
    [
        {"to": "html", "params": [1]},
        {"to": "html", "params": {"A": object.__name__, "B": {"deep": [1]}}},
        {"to": 7},
        {"to": "html", "from_format": 3},
        {"to": "html", "semi_async_seconds": "soon"},
    ],
    ids=repr,
)
def test_a_message_made_by_hand_tells_its_caller_whatever_it_holds(worker, app, sandbox, kwargs):
    # Nobody listens for the result here: Celery would keep a connection for that.
    result = app.send_task(
        names.SUBMIT,
        args=["https://e.com/a.md"],
        kwargs=kwargs,
        ignore_result=True,
        headers={"ignore_result": False},
    )
    worker.work()

    assert _state(result.id, worker) == "FAILURE"
    assert sandbox.audit()["submits"] == 0


def test_a_stumble_says_nothing_of_the_source_in_the_callers_error(
    worker, conveyor, document, monkeypatch, come_again
):
    handle = conveyor.convert(f"https://e.com/{SECRET}/a.md", to="html", params={"A": SECRET})
    monkeypatch.setattr(type(worker.services.dialects), "candidates", _raise)
    (message,) = worker.waiting()
    worker.run(message)
    come_again(worker)
    come_again(worker)

    assert handle.get().state is State.FAILED
    assert SECRET not in repr(handle.get())


@pytest.mark.parametrize(
    ("part", "method"), [("claims", "submits"), ("dialects", "candidates")], ids=["claim", "work"]
)
def test_without_redis_nothing_is_counted_as_a_stumble(
    *, worker, conveyor, document, monkeypatch, come_again, part, method
):
    def away(*_, **__):
        raise LedgerUnavailable("Redis is away.")

    handle = conveyor.convert(document, to="html")
    with monkeypatch.context() as patch:
        patch.setattr(type(getattr(worker.services, part)), method, away)
        for _ in range(5):
            come_again(worker)

    assert worker.services.ledger.get(handle.id).stumbles == 0
    come_again(worker)
    worker.work()
    assert handle.get().state is State.SUCCEEDED


def test_a_replay_of_one_that_stumbled_asks_for_the_old_job(
    *, worker, conveyor, document, sandbox, monkeypatch, come_again
):
    handle, message = _reach(State.CONVERTING, worker, conveyor, document)
    with monkeypatch.context() as patch:
        patch.setattr(ConvertApi, "poll", _raise)
        worker.run_when_due(message)
        come_again(worker)
        come_again(worker)
    worker.drop()
    assert handle.get().state is State.FAILED

    conveyor.dead_letters.replay(handle.id)
    worker.work()
    assert handle.get().state is State.SUCCEEDED
    assert (sandbox.audit()["submits"], sandbox.audit()["paid"]) == (1, 1)


MESSAGES = {
    "submit": (names.SUBMIT, "queued"),
    "poll": (names.POLL, "converting"),
    "deliver": (names.DELIVER, "ready"),
    "deliver of one": (names.DELIVER, "ready"),
}


@pytest.fixture(params=MESSAGES)
def kind_of_message(request):
    return request.param


@pytest.fixture
def about(worker, client, kind_of_message):
    """Run a message about a conversion whose entry has been changed by hand."""

    def run(conversion_id, fields):
        task, state = MESSAGES[kind_of_message]
        client.hset(KEYS.conversion(conversion_id), mapping={"state": state, **fields})
        client.zrem(KEYS.due("submit"), conversion_id)
        kind = task.removeprefix("conveyor.")
        client.zadd(KEYS.due(kind), {conversion_id: worker.services.ledger.now()})
        before = client.hgetall(KEYS.conversion(conversion_id))
        if kind_of_message == "deliver of one":
            worker.call(names.DELIVER, conversion_id)
        else:
            worker.ring(task)
        return before

    return run


def test_a_message_about_an_entry_that_can_not_be_read_puts_it_aside(
    *, worker, conveyor, document, about, due_at, kind_of_message
):
    handle = conveyor.convert(document, to="html")
    worker.drop()
    about(handle.id, {"result": "{"})

    assert list(conveyor.dead_letters.unreadable()) == [handle.id]
    assert due_at(handle.id) is None
    # Where it has taken a place among the account's jobs, others hear that the place is free.
    assert worker.work() == ([names.SUBMIT] if kind_of_message == "submit" else [])


def test_a_message_about_an_entry_of_a_newer_version_leaves_it_alone(
    *, worker, conveyor, document, client, sandbox, about, due_at
):
    handle = conveyor.convert(document, to="html")
    worker.drop()
    before = about(handle.id, {"v": "99"})

    assert client.hgetall(KEYS.conversion(handle.id)) == before
    assert due_at(handle.id) <= worker.services.ledger.now()
    assert conveyor.dead_letters.unreadable() == {}
    assert sandbox.audit()["requests"] == 0


def test_an_outcome_that_can_not_be_reported_is_tried_again_and_ends(
    *, worker, conveyor, document, monkeypatch, come_again, due_at
):
    """An hour or so, then the operator finds it among the dead letters."""
    ledger = worker.services.ledger
    handle = conveyor.convert(document, to="html")
    worker.drop()
    entry = ledger.get(handle.id)
    ledger.begin_submit(entry, Submission("0" * 32, "http://x", Dialect.PATH))
    conveyor.cancel(handle.id)
    worker.drop()
    monkeypatch.setattr("workers.delivery.report_outcome", _raise)
    for _ in range(60):
        if due_at(handle.id) is None:
            break
        come_again(worker)

    assert due_at(handle.id) is None
    assert ledger.get(handle.id).delivered
