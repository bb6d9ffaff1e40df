"""Jobs that the service calls for: what is asked of it, and what is done when it has called."""

from __future__ import annotations

import json
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, urlsplit

import pytest

from conveyor import State, names
from conveyor.domain.answers import InProgress
from conveyor.webhooks import is_genuine

KEY = "k" * 32


@pytest.fixture
def receiver():
    """Takes calls; `calls` holds (path, job id)."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            parts = urlsplit(self.path)
            self._take(parts.path, parse_qs(parts.query)["JobId"][0])

        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self._take(self.path, body["JobId"])

        def _take(self, path, job_id):
            server.calls.append((path, job_id))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.calls = []
        Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture(params=["path", "query"])
def sandbox(request, sandbox_of):
    return sandbox_of(request.param)


@pytest.fixture
def worker(worker_of, sandbox, receiver):
    url = f"http://127.0.0.1:{receiver.server_port}/webhooks/"
    with worker_of(sandbox.url, webhook_url=url, webhook_key=KEY) as made:
        yield made


def _called(receiver):
    deadline = time.monotonic() + 60
    while not receiver.calls:
        assert time.monotonic() < deadline, "the service has not called"
        time.sleep(0.02)
    return receiver.calls[0]


def _submitted(worker, conveyor, document):
    conversion_id = conveyor.convert(document, to="html").id
    worker.run(worker.waiting()[0])
    return conversion_id


def _polls(worker):
    """The bells for polls. One for a submit is rung where the first dialect is not spoken."""
    return [message for message in worker.waiting() if message.task == names.POLL]


def test_the_service_calls_an_address_that_only_we_can_have_made(
    worker, conveyor, document, receiver
):
    conversion_id = _submitted(worker, conveyor, document)
    path, job_id = _called(receiver)
    _, folder, named, signature = path.split("/")

    assert (folder, named) == ("webhooks", conversion_id)
    assert is_genuine(KEY, conversion_id, signature)
    assert job_id == worker.services.ledger.get(conversion_id).job_id


def test_the_call_brings_the_one_poll_that_is_needed(
    *, worker, conveyor, document, receiver, sandbox, due_at
):
    begun = worker.services.ledger.now()
    conversion_id = _submitted(worker, conveyor, document)
    # No message waits for what a call will have ended long before.
    assert _polls(worker) == []
    fallback_at = due_at(conversion_id)
    spacing_s = worker.services.spacing_s
    assert begun + spacing_s < fallback_at < worker.services.ledger.now() + 2 * spacing_s
    _, job_id = _called(receiver)

    conveyor.job_ended(conversion_id, job_id)
    conveyor.job_ended(conversion_id, job_id)
    assert worker.work() == [names.POLL]
    worker.ring()

    assert conveyor.get(conversion_id).state is State.SUCCEEDED
    assert sandbox.audit()["polls"] == 1


def test_without_a_call_the_fallback_finds_it(worker, conveyor, document, receiver, after_spacing):
    conversion_id = _submitted(worker, conveyor, document)
    _called(receiver)  # it has ended, and we have not been told
    after_spacing(conversion_id)
    assert worker.sweep() == 1

    assert conveyor.get(conversion_id).state is State.SUCCEEDED


def test_a_call_that_is_faster_than_the_answer_is_not_lost(worker, conveyor, document, monkeypatch):
    """The service has called before the submit's answer is noted: the poll comes at once."""
    ledger = worker.services.ledger
    conversion_id = conveyor.convert(document, to="html").id
    (submit,) = worker.waiting()
    noted = ledger.started

    def started(entry, job_id, delay_s, **options):
        conveyor.job_ended(entry.id, job_id)
        return noted(entry, job_id, delay_s, **options)

    monkeypatch.setattr(ledger, "started", started)
    worker.run(submit)
    (poll,) = _polls(worker)

    assert poll.due_at < time.time() + 1
    worker.run_when_due(poll)
    assert conveyor.get(conversion_id).polls == 1


def test_a_call_during_a_poll_is_answered_by_another_as_soon_as_may_be(
    worker, conveyor, document, monkeypatch, after_spacing
):
    """The poll may have been answered a moment before the job ended."""
    conversion_id = _submitted(worker, conveyor, document)
    ledger, api = worker.services.ledger, worker.services.api
    entry = ledger.get(conversion_id)

    def poll(self, *_, **__):
        conveyor.job_ended(conversion_id, entry.job_id)
        return InProgress()

    after_spacing(conversion_id)
    begun = time.time()
    with monkeypatch.context() as patch:
        patch.setattr(type(api), "poll", poll)
        worker.ring()
    (again,) = _polls(worker)

    assert begun + worker.services.spacing_s < again.due_at < time.time() + 1
