"""Whatever a task raises that nobody expects: counted, and in the end a dead letter (I2)."""

from __future__ import annotations

import logging

import pytest
from celery.result import AsyncResult

from conveyor import ConversionFailed, State, names
from conveyor.conversion import FailureKind
from conveyor.errors import LedgerUnavailable
from conveyor.ledger import Job
from conveyor.ledger.keys import Keys
from conveyor.protocol import ConvertApi, Dialect
from workers.sweep import sweep

KEYS = Keys()

SECRET = "hush-of-the-test"


class BugError(RuntimeError):
    """Nobody expects it."""


def _raise(*_, **__):
    raise BugError("words that tell nothing")


@pytest.fixture
def come_again(worker, make_overdue, client):
    """Run what the sweep sends once all is overdue, and the turnstiles are open."""

    def run():
        make_overdue()
        for key in client.scan_iter("{conveyor}:turnstile:*"):
            client.delete(key)
        sweep(worker.app)
        return [worker.run(message) for message in worker.waiting()]

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
# Where each task is hit, and whether it may have been paid by then.
BUGS = {
    "submit": (State.QUEUED, ("governor", "ask"), "Nothing was paid"),
    "poll": (State.CONVERTING, ("api", "poll"), "may have been paid"),
    "deliver": (State.READY, ("storage", "result"), "may have been paid"),
}


@pytest.mark.parametrize(("state", "where", "said"), BUGS.values(), ids=BUGS)
def test_three_stumbles_are_a_dead_letter_whose_caller_is_told(
    *, worker, conveyor, document, monkeypatch, come_again, caplog, state, where, said
):
    handle, message = _reach(state, worker, conveyor, document)
    part, method = where
    with monkeypatch.context() as patch:
        patch.setattr(type(getattr(worker.engine, part)), method, _raise)
        with caplog.at_level(logging.ERROR):
            worker.run_when_due(message)
            assert worker.engine.ledger.get(handle.id).stumbles == 1
            assert handle.get().state is state
            come_again()
            assert worker.engine.ledger.get(handle.id).stumbles == 2
            come_again()

    conversion = handle.get()
    assert (conversion.state, conversion.failure.kind) == (State.FAILED, FailureKind.INTERNAL)
    assert said in conversion.failure.message
    assert "words that tell nothing" not in conversion.failure.message
    worker.work()
    with pytest.raises(ConversionFailed, match="unexpected error") as raised:
        AsyncResult(handle.id, app=worker.app).get(timeout=30)
    assert raised.value.kind == "internal"
    assert worker.engine.ledger.get(handle.id).told
    assert [dead.id for dead in conveyor.dead_letters.list(FailureKind.INTERNAL)] == [handle.id]
    # The traceback stands in the log, once for each.
    stumbles = [record.msg for record in caplog.records if record.name == "conveyor.task"]
    assert [(it["event"], it["exc_info"]) for it in stumbles] == [("stumbled", True)] * 3


@pytest.mark.parametrize(("state", "where", "said"), BUGS.values(), ids=BUGS)
def test_what_stumbles_once_goes_on(
    *, worker, conveyor, document, sandbox, monkeypatch, come_again, state, where, said
):
    handle, message = _reach(state, worker, conveyor, document)
    part, method = where
    with monkeypatch.context() as patch:
        patch.setattr(type(getattr(worker.engine, part)), method, _raise)
        worker.run_when_due(message)
    come_again()
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
    entry = worker.engine.ledger.get(handle.id)
    assert (entry.state, entry.alive, entry.stumbles) == (State.CONVERTING, False, 1)
    come_again()
    worker.work()

    assert handle.get().state is State.SUCCEEDED
    assert (sandbox.audit()["submits"], sandbox.audit()["paid"]) == (1, 1)


def test_a_signature_that_stumbles_before_it_is_accepted_tells_its_caller(
    worker, conveyor, document, monkeypatch, sandbox
):
    monkeypatch.setattr(worker.engine.ledger, "open", _raise)
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
    monkeypatch.setattr(worker.engine.governor, "ask", _raise)
    (message,) = worker.waiting()
    worker.run(message)
    come_again()
    come_again()

    assert handle.get().state is State.FAILED
    assert SECRET not in repr(handle.get())


def test_without_redis_nothing_is_counted_as_a_stumble(worker, conveyor, document, monkeypatch):
    def away(*_, **__):
        raise LedgerUnavailable("Redis is away.")

    handle = conveyor.convert(document, to="html")
    (message,) = worker.waiting()
    with monkeypatch.context() as patch:
        patch.setattr(worker.engine.governor, "ask", away)
        for _ in range(5):
            worker.run(message)

    assert worker.engine.ledger.get(handle.id).stumbles == 0
    worker.run(message)
    worker.work()
    assert handle.get().state is State.SUCCEEDED


def test_a_replay_of_one_that_stumbled_asks_for_the_old_job(
    *, worker, conveyor, document, sandbox, monkeypatch, come_again
):
    handle, message = _reach(State.CONVERTING, worker, conveyor, document)
    with monkeypatch.context() as patch:
        patch.setattr(ConvertApi, "poll", _raise)
        worker.run_when_due(message)
        come_again()
        come_again()
    worker.work()
    assert handle.get().state is State.FAILED

    conveyor.dead_letters.replay(handle.id)
    worker.work()
    assert handle.get().state is State.SUCCEEDED
    assert (sandbox.audit()["submits"], sandbox.audit()["paid"]) == (1, 1)


@pytest.mark.parametrize("task", [names.SUBMIT, names.POLL, names.DELIVER])
def test_a_message_about_an_entry_that_can_not_be_read_puts_it_aside(
    worker, conveyor, document, client, task
):
    handle = conveyor.convert(document, to="html")
    worker.waiting()
    state = {names.SUBMIT: "queued", names.POLL: "converting", names.DELIVER: "ready"}[task]
    client.hset(KEYS.conversion(handle.id), mapping={"state": state, "result": "{"})
    if task == names.SUBMIT:
        worker.call(task, conversion_id=handle.id, number=0)
    elif task == names.POLL:
        worker.call(task, handle.id, 0)
    else:
        worker.call(task, handle.id)

    assert list(conveyor.dead_letters.unreadable()) == [handle.id]
    assert worker.waiting() == []


@pytest.mark.parametrize("task", [names.SUBMIT, names.POLL, names.DELIVER])
def test_a_message_about_an_entry_of_a_newer_version_leaves_it_alone(
    *, worker, conveyor, document, client, sandbox, task
):
    handle = conveyor.convert(document, to="html")
    worker.waiting()
    state = {names.SUBMIT: "queued", names.POLL: "converting", names.DELIVER: "ready"}[task]
    client.hset(KEYS.conversion(handle.id), mapping={"v": "99", "state": state})
    before = client.hgetall(KEYS.conversion(handle.id)), client.zscore(KEYS.due, handle.id)
    if task == names.SUBMIT:
        worker.call(task, conversion_id=handle.id, number=0)
    elif task == names.POLL:
        worker.call(task, handle.id, 0)
    else:
        worker.call(task, handle.id)

    after = client.hgetall(KEYS.conversion(handle.id)), client.zscore(KEYS.due, handle.id)
    assert after == before
    assert conveyor.dead_letters.unreadable() == {}
    assert sandbox.audit()["requests"] == 0


def test_an_outcome_that_can_not_be_told_is_tried_again_and_ends(
    *, worker, conveyor, document, monkeypatch, come_again, client
):
    """An hour or so, then the operator finds it among the dead letters."""
    ledger = worker.engine.ledger
    handle = conveyor.convert(document, to="html")
    worker.waiting()
    entry = ledger.get(handle.id)
    ledger.begin_submit(entry, Job("0" * 32, "http://x", Dialect.PATH))
    conveyor.cancel(handle.id)
    worker.waiting()
    monkeypatch.setattr("tasks.deliver.tell", _raise)
    for _ in range(60):
        if not client.zscore(KEYS.due, handle.id):
            break
        come_again()

    assert client.zscore(KEYS.due, handle.id) is None
    assert ledger.get(handle.id).told
