from __future__ import annotations

import time

import pytest

from conveyor import ConversionFailed, InvalidRequest, State, names
from conveyor.domain.dialect import Dialect
from conveyor.ledger import Submission
from conveyor.ledger.keys import Keys

KEYS = Keys()


def test_a_conversion_from_end_to_end(*, worker, conveyor, sandbox, document, results, clean):
    handle = conveyor.convert(document, to="html")
    done = worker.work()

    # A small result is stored and told by the poll that has seen it.
    assert (done[0], done[-1], names.DELIVER in done) == (names.SUBMIT, names.POLL, False)
    conversion = handle.get()
    assert (conversion.state, conversion.submits) == (State.SUCCEEDED, 1)
    assert list(results()) == ["a.html"]
    audit = sandbox.audit()
    assert (audit["paid"], audit["violations"], audit["bad_credentials"]) == (1, 0, 0)
    clean()
    audit = sandbox.audit()
    # Nothing is left at the service.
    assert (audit["deleted_jobs"], audit["deleted_files"]) == (1, 2)


@pytest.mark.parametrize("times", [2, 3])
def test_a_submit_that_comes_again_posts_nothing(worker, conveyor, sandbox, document, times):
    conveyor.convert(document, to="html")
    (message,) = worker.waiting()
    for _ in range(times):
        worker.run(message)

    assert sandbox.audit()["paid"] == 1
    assert [it.task for it in worker.waiting()] == [names.POLL]


@pytest.mark.parametrize("at", ["now", "a past slot"])
def test_a_bell_does_nothing_for_what_is_not_due(
    *, worker, conveyor, sandbox, document, client, at
):
    handle = conveyor.convert(document, to="html")
    worker.drop()
    client.zadd(KEYS.due("submit"), {handle.id: worker.services.ledger.now() + 30})
    before = worker.services.ledger.get(handle.id)
    worker.call(names.SUBMIT, at=0 if at == "now" else worker.services.ledger.now() - 7)

    assert worker.services.ledger.get(handle.id) == before
    assert worker.waiting() == []
    assert sandbox.audit()["requests"] == 0


def test_a_worker_that_died_after_its_intent_is_asked_for_and_not_repeated(
    worker, conveyor, sandbox, document
):
    """The intent is on record, the POST perhaps went out: the submit's repeat must not POST."""
    handle = conveyor.convert(document, to="html")
    (message,) = worker.waiting()
    ledger = worker.services.ledger
    ledger.begin_submit(ledger.get(handle.id), Submission("0" * 32, sandbox.url, Dialect.PATH))
    worker.run(message)

    assert sandbox.audit()["jobs"] == 0
    assert worker.waiting() == []


@pytest.mark.parametrize("fault", ["lost_submit", "gateway_submit"])
def test_submit_with_a_lost_answer_is_paid_once(worker, conveyor, sandbox, document, fault):
    sandbox.set_faults({fault: 1.0})
    handle = conveyor.convert(document, to="html")
    worker.work()

    assert handle.get().state is State.SUCCEEDED
    audit = sandbox.audit()
    assert (audit["paid"], audit["paid_duplicates"], audit["violations"]) == (1, 0, 0)


def test_a_throttled_submit_starts_nothing_and_keeps_its_id(worker, conveyor, sandbox, document):
    sandbox.set_faults({"throttle_submit": 1.0})
    handle = conveyor.convert(document, to="html")
    begun = time.time()
    worker.run(worker.waiting()[0])
    entry = worker.services.ledger.get(handle.id)
    assert (entry.state, entry.submits) == (State.QUEUED, 0)
    (again,) = worker.waiting()
    assert again.due_at > begun + 0.1

    sandbox.set_faults({})
    worker.run_when_due(again)
    assert worker.services.ledger.get(handle.id).job_id == entry.job_id
    assert sandbox.audit()["paid"] == 1


def test_a_result_in_the_submits_answer_is_the_result(worker, conveyor, sandbox, document):
    sandbox.set_faults({"finished_submit": 1.0})
    handle = conveyor.convert(document, to="html")

    assert worker.work() == [names.SUBMIT]
    assert handle.get().state is State.SUCCEEDED
    assert sandbox.audit()["paid"] == 1


def test_the_services_own_job_id_counts(worker, conveyor, sandbox, document):
    sandbox.set_faults({"foreign_job_id": 1.0})
    handle = conveyor.convert(document, to="html")
    worker.work()

    assert handle.get().state is State.SUCCEEDED
    assert sandbox.audit()["unknown_polls"] == 0


@pytest.mark.parametrize(
    ("spoken", "posts"), [("path", 1), ("query", 2)], ids=["the first tried", "the other one"]
)
def test_a_dialect_is_found_out_once(*, worker_of, sandbox_of, conveyor, document, spoken, posts):
    sandbox = sandbox_of(spoken)
    with worker_of(sandbox.url) as worker:
        first = conveyor.convert(document, to="html")
        worker.run(worker.waiting()[0])
        tried = worker.services.ledger.get(first.id)
        assert (tried.confirmed, tried.dialect) == (True, Dialect(spoken))
        assert tried.submits == 1
        worker.work()
        assert first.get().state is State.SUCCEEDED
        before = sandbox.audit()["requests"]
        conveyor.convert(document, to="html")
        worker.run(worker.waiting()[0])
        # An upload and one POST: a worker that has just started knows it as well.
        assert sandbox.audit()["requests"] - before == 2
    with worker_of(sandbox.url) as another:
        another.waiting()
        assert another.services.dialects.candidates()[0] is Dialect(spoken)
    assert sandbox.audit()["paid"] == 2


def test_lost_submit_is_repeated_as_it_was_by_a_worker_of_the_other_dialect(
    worker_of, conveyor, sandbox, document
):
    """The service tells a repetition by its id, whose form is the dialect's."""
    sandbox.set_faults({"closed_submit": 1.0})
    handle = conveyor.convert(document, to="html")
    with worker_of(sandbox.url, api_dialect="path") as worker:
        worker.run(worker.waiting()[0])
        posted = worker.services.ledger.get(handle.id)
        sandbox.set_faults({})
    with worker_of(sandbox.url, api_dialect="query") as worker:
        while (entry := worker.services.ledger.get(handle.id)).submits == 1:
            for message in worker.waiting():
                worker.run_when_due(message)

    assert (entry.job_id, entry.dialect) == (posted.job_id, Dialect.PATH)
    assert entry.confirmed
    assert sandbox.audit()["paid"] == 1


def test_a_refused_request_fails_with_what_the_service_says(worker, conveyor, sandbox, document):
    handle = conveyor.convert(document, to="html", params={"NoSuchParameter": "1"})

    assert worker.work() == [names.SUBMIT]
    with pytest.raises(ConversionFailed, match="NoSuchParameter") as raised:
        handle.wait(timeout=30)
    assert (raised.value.status, raised.value.kind) == (400, "input")
    assert sandbox.audit()["paid"] == 0


@pytest.mark.parametrize("missing", ["gone", "empty"])
def test_a_source_that_is_not_there_fails_and_pays_nothing(
    worker, conveyor, sandbox, tmp_path, missing
):
    path = tmp_path / "files" / f"{missing}.md"
    path.parent.mkdir()
    if missing == "empty":
        path.touch()
    handle = conveyor.convert(path.as_uri(), to="html")
    worker.work()

    assert handle.get().failure.kind == "input"
    assert sandbox.audit()["requests"] == 0


def test_a_path_of_the_producers_can_not_be_read_by_a_worker(worker, app, sandbox):
    """A message made by hand; the library stages what is local."""
    result = app.send_task(names.SUBMIT, args=["/etc/passwd.txt"], kwargs={"to": "pdf"})
    worker.work()

    with pytest.raises(InvalidRequest, match="can't read a path on the producer's machine"):
        result.get(timeout=30)
    assert sandbox.audit()["requests"] == 0


def test_uploads_are_not_made_twice(worker, conveyor, sandbox, document):
    sandbox.set_faults({"throttle_submit": 1.0})
    conveyor.convert(document, to="html")
    worker.run(worker.waiting()[0])
    sandbox.set_faults({})
    worker.work()

    assert sandbox.audit()["uploads"] == 1
