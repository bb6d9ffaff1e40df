"""One conversion is charged once, whatever clocks, gateways and Redis do (invariant I1)."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from convertapi_sandbox import SandboxConfig, SandboxServer
from convertapi_sandbox.config import Repeated
from conveyor import State
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
from conveyor.domain.conversion import Failure, FailureKind
from conveyor.domain.dialect import Dialect
from conveyor.ledger import Submission
from conveyor.ledger.keys import Keys
from tests import clocks

KEYS = Keys()

SPACING_S = 0.2
FAILURE = Failure(FailureKind.POSSIBLY_PAID, "Who knows.")
RESULT = Result(3, (RemoteFile("a.html", "https://v2.convertapi.com/d/x", 3),))


@pytest.fixture
def submit(conveyor, worker, document):
    """A conversion, and its submit's message."""
    handle = conveyor.convert(document, to="html")
    (message,) = worker.waiting()
    return handle, message


# -- hosts' clocks ------------------------------------------------------------------------------


@pytest.fixture
def clock(monkeypatch):
    """This host's clock: `clock(-30)` is 30 s behind."""
    true = time.time

    def set_off_by(seconds):
        clocks.put(monkeypatch, "time", lambda: true() + seconds)

    return set_off_by


@pytest.mark.parametrize("others_off_s", [-30, 0, 30])
@pytest.mark.parametrize("off_s", [-30, 0, 30])
def test_wrong_clock_does_not_wake_a_slow_post(
    *, worker, conveyor, sandbox, submit, posts, clock, off_s, others_off_s
):
    """Another host sweeps meanwhile. Seen: 15 POSTs for 10 conversions."""
    handle, message = submit
    overdue = []

    def others_sweep():
        clock(others_off_s)
        overdue.append(worker.sweep())
        clock(off_s)

    posts.meanwhile = others_sweep
    clock(off_s)
    worker.run(message)
    entry = worker.services.ledger.get(handle.id)
    assert entry.submitted_at == pytest.approx(worker.services.ledger.now(), abs=20)
    clock(others_off_s)
    overdue.append(worker.sweep())

    clock(0)
    worker.work()
    assert handle.get().state is State.SUCCEEDED
    assert overdue == [0, 0]
    assert (len(posts.ids), sandbox.audit()["paid"], sandbox.audit()["early_polls"]) == (1, 1, 0)


@pytest.mark.parametrize("off_s", [-30, 30])
def test_a_lost_answer_is_waited_for_by_the_servers_clock(
    *, worker, submit, sandbox, posts, clock, after_spacing, monkeypatch, off_s
):
    """A host whose clock is ahead must not find the proof early, nor one behind never."""
    handle, message = submit
    sandbox.set_faults({"lost_submit": 1.0})
    clock(off_s)
    worker.run(message)
    monkeypatch.setattr(worker.services.api, "poll", lambda *_, **__: NotFound())
    entry = worker.services.ledger.get(handle.id)
    assert entry.unclear_at == pytest.approx(worker.services.ledger.now(), abs=20)
    after_spacing(handle.id)
    worker.ring()

    asked = worker.services.ledger.get(handle.id)
    assert (asked.state, asked.missing) == (State.CONVERTING, 1)
    assert len(posts.ids) == 1


# -- a POST in flight ---------------------------------------------------------------------------


def test_a_poll_while_the_post_is_in_flight_costs_the_service_nothing(
    *, worker, submit, sandbox, posts, make_overdue
):
    handle, message = submit
    seen = []

    def everybody_asks():
        entry = worker.services.ledger.get(handle.id)
        make_overdue()  # as if the poster's heart had stopped
        worker.ring()
        make_overdue()
        overdue = worker.sweep()
        seen.append((overdue, worker.services.ledger.get(handle.id), entry, worker.waiting()))

    posts.meanwhile = everybody_asks
    worker.run(message)

    ((overdue, after, before, messages),) = seen
    assert (overdue, after, messages) == (1, before, [])
    assert sandbox.audit()["polls"] == 0
    worker.work()
    assert handle.get().state is State.SUCCEEDED
    audit = sandbox.audit()
    assert (audit["paid"], audit["violations"], len(posts.ids)) == (1, 0, 1)


def test_two_submits_at_once_post_once(worker, submit, sandbox, posts):
    handle, message = submit
    posts.meanwhile = lambda: worker.run(message) if len(posts.ids) == 1 else None
    worker.run(message)
    worker.work()

    assert handle.get().state is State.SUCCEEDED
    assert (len(posts.ids), sandbox.audit()["paid"]) == (1, 1)


def test_after_the_post_the_first_poll_keeps_the_spacing(worker_of, sandbox, submit, client):
    handle, message = submit
    with worker_of(sandbox.url, poll_spacing_seconds=30) as patient:
        before = patient.services.ledger.now()
        patient.run(message)

    assert client.zscore(KEYS.due("poll"), handle.id) > before + 30


# -- lost writes --------------------------------------------------------------------------------


@pytest.fixture(params=[Repeated.FIRST, Repeated.REFUSED, Repeated.REFUSED_400])
def strict_sandbox(request):
    """One at which a repeated JobId makes no other job."""
    config = SandboxConfig(spacing_s=SPACING_S, seed=1, repeated_job_id=request.param)
    with SandboxServer(config) as server:
        yield server


@pytest.mark.parametrize("finds_it", ["a repeated message", "the sweep"])
def test_post_after_a_lost_write_is_repeated_under_the_same_id(
    *, worker_of, strict_sandbox, conveyor, document, posts, rewind, make_overdue, finds_it
):
    with worker_of(strict_sandbox.url) as worker:
        handle = conveyor.convert(document, to="html")
        (message,) = worker.waiting()
        rewind.take()
        worker.run(message)
        worker.drop()  # lost as well
        rewind.back()
        assert worker.services.ledger.get(handle.id).state is State.QUEUED
        if finds_it == "the sweep":
            worker.drop()
            make_overdue()
            assert worker.sweep() == 1
        else:
            worker.run(message)
        worker.work()

    assert handle.get().state is State.SUCCEEDED
    assert len(posts.ids) == 2
    assert posts.ids[0] == posts.ids[1]
    audit = strict_sandbox.audit()
    assert (audit["paid"], audit["paid_duplicates"]) == (1, 0)


def test_an_intent_that_was_lost_while_the_post_was_in_flight_is_recorded_again(
    worker, submit, sandbox, posts, rewind
):
    handle, message = submit
    rewind.take()
    posts.meanwhile = rewind.back
    with capture_logs() as logs:
        worker.run(message)

    entry = worker.services.ledger.get(handle.id)
    assert (entry.state, entry.confirmed, entry.submits) == (State.CONVERTING, True, 1)
    assert entry.job_id == posts.ids[0]
    # Those of the upload that the POST has named, too: they are deleted in the end.
    assert list(entry.uploads) == ["0"]
    assert entry.uploads_host == sandbox.url
    assert "submit_intent_lost" in [log["event"] for log in logs]
    worker.run(message)  # a repeat of the message finds it on record
    worker.work()
    assert handle.get().state is State.SUCCEEDED
    assert (len(posts.ids), sandbox.audit()["paid"]) == (1, 1)


@pytest.mark.parametrize("fault", ["lost_submit", "gateway_submit", "finished_submit"])
def test_whatever_the_answer_a_lost_intent_is_recorded_again(
    *, worker, submit, sandbox, posts, rewind, fault
):
    handle, message = submit
    sandbox.set_faults({fault: 1.0})
    rewind.take()
    posts.meanwhile = rewind.back
    worker.run(message)
    sandbox.set_faults({})
    worker.work()

    assert handle.get().state is State.SUCCEEDED
    assert (len(posts.ids), sandbox.audit()["paid"]) == (1, 1)


def test_lost_acceptance_creates_no_conversion(worker, submit, sandbox, rewind):
    """All that is left of it is a message: nobody knows what was asked."""
    handle, message = submit
    worker.services.ledger._redis.delete(KEYS.conversion(handle.id))
    worker.run(message)

    assert worker.services.ledger.find(handle.id) is None
    assert sandbox.audit()["submits"] == 0


def test_job_id_is_the_same_in_every_process(worker_of, sandbox, submit, worker):
    handle, _ = submit
    entry = worker.services.ledger.get(handle.id)
    first = worker.services.job_uuid(entry)
    with worker_of(sandbox.url, api_secret="rotated") as another:
        assert another.services.job_uuid(entry) == first
    assert worker.services.job_uuid(replace(entry, attempt=2)) != first
    assert worker.services.job_uuid(replace(entry, id="another")) != first


# -- what an earlier job is answered --------------------------------------------------------------


LATE = {
    "finished": Finished(RESULT),
    "in progress": InProgress(),
    "busy": Busy(),
    "not found": NotFound(),
    "failed": Failed(500, 5001, "Broken."),
    "lost": Lost("cut"),
    "unreadable": Unreadable("a file has no Url", "{}"),
}


def _replay_meanwhile(worker, conversion_id, *, posted):
    """The operator was quicker: it is dead, replayed, and perhaps posted again."""
    ledger = worker.services.ledger
    dead = ledger.failed(ledger.get(conversion_id), FAILURE)
    again = ledger.replay(dead)
    if posted:
        job_id = Dialect.PATH.job_id(worker.services.job_uuid(again))
        begun = ledger.begin_submit(again, Submission(job_id, "http://x", Dialect.PATH))
        ledger.started(begun, job_id, 60)
    return ledger.get(conversion_id)


@pytest.mark.parametrize("posted", [False, True], ids=["queued", "posted"])
@pytest.mark.parametrize("outcome", LATE.values(), ids=LATE)
def test_a_late_answer_about_an_earlier_job_changes_nothing(
    *, worker, submit, monkeypatch, after_spacing, posted, outcome
):
    handle, message = submit
    worker.run(message)
    after_spacing(handle.id)
    replayed = []

    def answer_late(*_, **__):
        replayed.append(_replay_meanwhile(worker, handle.id, posted=posted))
        worker.drop()
        return outcome

    monkeypatch.setattr(worker.services.api, "poll", answer_late)
    worker.ring()

    assert worker.services.ledger.get(handle.id) == replayed[0]
    assert worker.waiting() == []


LATE_POSTS = {
    name: LATE[name] for name in ("finished", "not found", "failed", "lost", "unreadable")
}
LATE_POSTS |= {"started": Started("0" * 32), "throttled": Throttled(), "unsent": Unsent("no way")}


@pytest.mark.parametrize("outcome", LATE_POSTS.values(), ids=LATE_POSTS)
def test_a_late_answer_to_an_earlier_post_changes_nothing(*, worker, submit, monkeypatch, outcome):
    handle, message = submit
    replayed = []

    def answer_late(*_, **__):
        replayed.append(_replay_meanwhile(worker, handle.id, posted=True))
        worker.drop()
        return outcome

    monkeypatch.setattr(worker.services.api, "start", answer_late)
    worker.run(message)

    assert worker.services.ledger.get(handle.id) == replayed[0]
    assert worker.waiting() == []


def test_a_late_result_of_another_job_changes_nothing(worker, submit):
    handle, message = submit
    worker.run(message)
    ledger = worker.services.ledger
    entry = ledger.get(handle.id)
    another = replace(entry, job_id="f" * 32)

    assert ledger.ready(another, RESULT) is None
    assert ledger.failed(another, FAILURE) is None
    assert ledger.expired(another, FAILURE) is None
    assert ledger.get(handle.id) == entry
