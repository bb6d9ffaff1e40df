"""Whatever is answered, nobody stays in the turnstile, and a cancelled conversion leaves no job."""

from __future__ import annotations

import pytest

from conveyor import State, names
from conveyor.convertapi.client import ConvertApi
from conveyor.domain.answers import (
    Busy,
    Failed,
    Finished,
    InProgress,
    Lost,
    NotFound,
    RemoteFile,
    Result,
    Started,
    Throttled,
    Unreadable,
    Unsent,
)
from conveyor.ledger.keys import Keys

KEYS = Keys()

RESULT = Result(1, (RemoteFile("a.html", "http://127.0.0.1:1/d/x", 3),))
OF_A_POST = (
    Started("0" * 32),
    Finished(RESULT),
    Unreadable("cut", "{"),
    Throttled(40.0),
    NotFound(),
    Failed(400, 4000, "No such parameter."),
    Failed(401, 4010, "Invalid user credentials."),
    Failed(409, 4090, "The job exists."),
    Lost("cut"),
    Lost("closed", closed_at_once=True),
    Unsent("no connection"),
)
OF_A_POLL = (
    Finished(RESULT),
    Unreadable("cut", "{"),
    InProgress(),
    Busy(40.0),
    NotFound(),
    Failed(400, 4000, "No such parameter."),
    Lost("cut"),
    Unsent("no connection"),
)


@pytest.fixture
def worker(worker_of, sandbox):
    """One that has each result delivered by a message of its own."""
    with worker_of(sandbox.url, small_bytes=0) as made:
        yield made


@pytest.fixture
def answers(monkeypatch):
    """Have the service answer so, and have something done meanwhile."""

    def answer(method, said, meanwhile=lambda: None):
        def call(*_args, **_options):
            meanwhile()
            return said

        monkeypatch.setattr(ConvertApi, method, call)

    return answer


def _is_in(client, conversion_id):
    """Whether somebody is in the turnstile."""
    return client.get(KEYS.turnstile(conversion_id)) not in (None, "left")


@pytest.mark.parametrize("answer", OF_A_POST, ids=str)
def test_nobody_is_in_after_the_answer_to_a_post(
    *, worker, conveyor, document, client, answers, answer
):
    answers("start", answer)
    handle = conveyor.convert(document, to="html")
    worker.run(worker.waiting()[0])

    assert not _is_in(client, handle.id)


@pytest.mark.parametrize("answer", OF_A_POLL, ids=str)
def test_nobody_is_in_after_the_answer_to_a_poll(
    *, worker, conveyor, document, client, answers, make_overdue, answer
):
    handle = conveyor.convert(document, to="html")
    worker.run(worker.waiting()[0])
    client.delete(KEYS.turnstile(handle.id))
    make_overdue()
    answers("poll", answer)
    worker.ring(names.POLL)

    assert worker.services.ledger.get(handle.id).polls == 1
    assert not _is_in(client, handle.id)


@pytest.mark.tracebacks("SystemExit")
def test_nobody_is_in_after_a_post_that_raises(worker, conveyor, document, client, monkeypatch):
    def start(*_args, **_options):
        raise SystemExit

    monkeypatch.setattr(ConvertApi, "start", start)
    handle = conveyor.convert(document, to="html")
    worker.run(worker.waiting()[0])

    assert not _is_in(client, handle.id)
    assert worker.services.ledger.get(handle.id).submits == 1


@pytest.mark.parametrize(
    ("answer", "left"), [(Started("0" * 32), 1), (Finished(RESULT), 2)], ids=["started", "finished"]
)
def test_what_a_post_brings_to_one_that_is_cancelled_meanwhile_is_deleted(
    *, worker, conveyor, document, client, answers, rush, answer, left
):
    handle = conveyor.convert(document, to="html")
    answers("start", answer, meanwhile=handle.cancel)
    worker.run(worker.waiting()[0])
    rush()
    told = worker.services.ledger.leftovers.claim(10, 60)

    assert handle.get().state is State.CANCELLED
    assert not _is_in(client, handle.id)
    assert len([it for it in told if it.job_id or "/d/x" in it.url]) == left


def test_result_that_a_poll_brings_to_one_that_is_cancelled_meanwhile_is_deleted(
    *, worker, conveyor, document, client, answers, make_overdue, rush
):
    handle = conveyor.convert(document, to="html")
    worker.run(worker.waiting()[0])
    client.delete(KEYS.turnstile(handle.id))
    make_overdue()
    answers("poll", Finished(RESULT), meanwhile=handle.cancel)
    worker.ring(names.POLL)
    rush()
    urls = [it.url for it in worker.services.ledger.leftovers.claim(10, 60) if it.url]

    assert handle.get().state is State.CANCELLED
    assert "http://127.0.0.1:1/d/x" in urls
