"""What is left at the service is deleted there, and nobody waits for it."""

from __future__ import annotations

import http.client
import threading
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest
import structlog
from celery.result import AsyncResult

from conveyor import State, names
from conveyor.convertapi.errors import ApiError, ComeLater, Refused
from conveyor.domain.answers import Finished, RemoteFile, Result, Started
from conveyor.domain.conversion import Failure, FailureKind
from conveyor.domain.dialect import Dialect
from conveyor.domain.retries import MAX_DELETE_S
from conveyor.ledger import Submission
from conveyor.ledger.keys import Keys
from conveyor.ledger.leftover import Leftover
from workers import cleanup

KEYS = Keys()

SPACING_S = 0.2


class Front:
    """Stands before a sandbox. Passes requests on, but answers DELETEs as it is told.

    Attributes:
        deletes: The paths of the DELETEs that came, in order.
        answers: What they get, one after the other: a status, or None for no answer at all; the
            last is said again. Without one they are passed on.
        asked: Set once a DELETE has come.
    """

    def __init__(self, sandbox_url):
        self._target = urlsplit(sandbox_url).netloc
        self.deletes, self.answers = [], []
        self.asked = threading.Event()
        self._ended = threading.Event()
        front = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                front.pass_on(self)

            do_POST = do_GET  # noqa: N815 - its name is the base's

            def do_DELETE(self):
                front.delete(self)

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self):
        self._ended.set()
        self._server.shutdown()
        self._server.server_close()

    def delete(self, handler):
        self.deletes.append(handler.path)
        self.asked.set()
        if not self.answers:
            return self.pass_on(handler)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer is None:
            self._ended.wait(100)
            handler.close_connection = True
            return None
        return _answer(handler, answer, {}, b"")

    def pass_on(self, handler):
        body = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        with closing(http.client.HTTPConnection(self._target, timeout=60)) as connection:
            connection.request(handler.command, handler.path, body, dict(handler.headers))
            answer = connection.getresponse()
            _answer(handler, answer.status, dict(answer.getheaders()), answer.read())


def _answer(handler, status, headers, body):
    handler.send_response_only(status)
    for name, value in headers.items():
        if name.lower() not in ("content-length", "transfer-encoding", "connection"):
            handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


@pytest.fixture
def front(sandbox):
    with closing(Front(sandbox.url)) as made:
        yield made


@pytest.fixture
def fronted(worker_of, front):
    """A worker of the service behind the front."""
    with worker_of(front.url, read_timeout_seconds=20, answer_timeout_seconds=20) as made:
        yield made


@pytest.fixture
def scripted(fronted, monkeypatch):
    """The client's answers to DELETEs, by hand: what it returns or raises. Returns what it sent."""
    sent = []

    def answer(outcome):
        def said(*args):
            sent.append(args)
            if isinstance(outcome, BaseException):
                raise outcome
            return outcome

        monkeypatch.setattr(type(fronted.services.api), "delete_job", lambda _, *args: said(*args))
        monkeypatch.setattr(type(fronted.services.api), "delete_file", lambda _, *args: said(*args))
        return sent

    return answer


def _left(worker):
    return worker.services.ledger.leftovers.count()


def _counts(client):
    counts = client.hgetall(KEYS.counts)
    return int(counts.get("deleted", 0)), int(counts.get("not_deleted", 0))


def _waits_s(client):
    """Seconds until each is tried again."""
    now = client.time()[0]
    return [date - now for _, date in client.zrange(KEYS.leftovers, 0, -1, withscores=True)]


def test_a_delivery_sends_no_delete(fronted, front, conveyor, document):
    handle = conveyor.convert(document, to="html")
    fronted.work()

    assert AsyncResult(handle.id, app=fronted.app).get(timeout=30)["state"] == "succeeded"
    assert front.deletes == []
    # The job, the result and the upload.
    assert _left(fronted) == conveyor.fleet().leftovers == 3


def test_nothing_is_left_after_the_clean_up(*, fronted, conveyor, document, sandbox, client, clean):
    conveyor.convert(document, to="html")
    fronted.work()
    clean()

    audit = sandbox.audit()
    assert (audit["deleted_jobs"], audit["deleted_files"]) == (1, 2)
    assert _left(fronted) == 0
    assert _counts(client) == (3, 0)


def test_a_delete_that_is_never_answered_keeps_no_caller_waiting(
    fronted, front, conveyor, document, rush
):
    front.answers = [None]
    first = conveyor.convert(document, to="html")
    fronted.work()
    rush()
    cleaning = threading.Thread(target=cleanup.clean_up, daemon=True)
    cleaning.start()
    assert front.asked.wait(60)

    # It hangs, and another conversion goes its whole way meanwhile.
    second = conveyor.convert(document, to="html")
    fronted.work()
    assert cleaning.is_alive()
    for handle in (first, second):
        assert AsyncResult(handle.id, app=fronted.app).state == "SUCCESS"
    front.close()
    cleaning.join(100)
    assert not cleaning.is_alive()


@pytest.mark.parametrize("status", [500, 502, 503, 504, 429, 408, 409, 401, 403, 400])
def test_a_delete_that_fails_is_repeated(
    *, fronted, front, conveyor, document, client, clean, status
):
    front.answers = [status]
    conveyor.convert(document, to="html")
    fronted.work()
    clean()
    assert _left(fronted) == 3

    front.answers = []
    client.delete(KEYS.leftovers_pause)
    clean()
    assert _left(fronted) == 0


@pytest.mark.parametrize("status", [404, 200])
def test_deleted_files_are_not_requested_again(
    *, fronted, front, conveyor, document, clean, status
):
    front.answers = [status]
    conveyor.convert(document, to="html")
    fronted.work()
    clean()
    clean()

    assert (_left(fronted), len(front.deletes)) == (0, 3)


def test_a_failure_ends_the_batch_and_loses_nothing(fronted, front, conveyor, document, clean):
    front.answers = [500]
    conveyor.convert(document, to="html")
    fronted.work()
    clean()

    assert (_left(fronted), len(front.deletes)) == (3, 1)


def test_waits_grow_with_each_failure(fronted, scripted, client, clean):
    sent = scripted(Refused(500, 5001, "Broken."))
    fronted.services.ledger.leftovers.add([Leftover(url="/d/x")])
    waits_s = []
    for _ in range(10):
        clean()
        waits_s += _waits_s(client)

    # Doubled nine times, and jitter adds a tenth at most.
    assert 50 < waits_s[-1] <= SPACING_S * 2**9 * 1.1 + 1
    assert waits_s[0] < 2
    assert len(sent) == 10


def test_the_service_is_given_the_time_that_it_asks_for(fronted, scripted, client, clean):
    sent = scripted(ComeLater(503, 100.0))
    fronted.services.ledger.leftovers.add([Leftover(url="/d/x"), Leftover(url="/d/y")])
    clean()
    clean()

    assert len(sent) == 1, "in the pause nobody asks"
    assert 90_000 < client.pttl(KEYS.leftovers_pause) <= 100_000


def test_no_answer_stops_the_clean_up_for_longer_than_five_minutes(
    fronted, scripted, client, clean
):
    scripted(ComeLater(429, 1e12))
    fronted.services.ledger.leftovers.add([Leftover(url="/d/x")])
    clean()

    assert client.pttl(KEYS.leftovers_pause) <= MAX_DELETE_S * 1000
    assert _waits_s(client)[0] <= MAX_DELETE_S * 1.1


def test_a_job_that_is_busy_makes_the_others_wait_for_nothing(fronted, scripted, client, clean):
    scripted(ComeLater(409))
    fronted.services.ledger.leftovers.add([Leftover(url="/d/x")])
    clean()

    assert not client.exists(KEYS.leftovers_pause)
    assert _left(fronted) == 1


@pytest.mark.parametrize("kind", ["job", "file"])
def test_a_delete_goes_to_the_service_alone(*, fronted, sandbox, client, clean, kind):
    """A record that names another host: it was changed. Nothing is sent, above all no secret."""
    with closing(Front(sandbox.url)) as other:
        changed = {
            "job": Leftover(other.url, Dialect.PATH, "hush"),
            "file": Leftover(url=f"{other.url}/d/hush"),
        }
        fronted.services.ledger.leftovers.add([changed[kind]])
        with structlog.testing.capture_logs() as logs:
            clean()
            clean()
        assert other.deletes == []

    assert _left(fronted) == 0
    assert _counts(client) == (0, 1)
    assert [it["log_level"] for it in logs if it["event"] == "never_deleted"] == ["warning"]
    assert "hush" not in str(logs)


def test_unknown_kind_of_error_is_retried(fronted, scripted, clean):
    scripted(ApiError("of a newer client"))
    fronted.services.ledger.leftovers.add([Leftover(url="/d/x")])
    clean()

    assert _left(fronted) == 1


def test_an_unexpected_error_harms_no_other_and_shows_no_address(
    fronted, monkeypatch, client, clean
):
    def delete(_, url):
        if "bad" in url:
            raise ValueError(f"Invalid IPv6 URL: {url}")
        return True

    monkeypatch.setattr(type(fronted.services.api), "delete_file", delete)
    leftovers = fronted.services.ledger.leftovers
    leftovers.add([Leftover(url="http://[bad-hush"), Leftover(url="/d/x"), Leftover(url="/d/y")])
    with structlog.testing.capture_logs() as logs:
        clean()
        while _left(fronted) > 1:
            cleanup.clean_up()

    assert _counts(client)[0] == 2
    assert "hush" not in str(logs)


def test_an_end_of_life_ends_the_tries(fronted, scripted, client, clean):
    sent = scripted(Refused(500, 5001, "Broken."))
    leftover = Leftover(url="/d/x")
    fronted.services.ledger.leftovers.add([leftover])
    client.hset(KEYS.leftover_records, leftover.id, f'{client.time()[0] - 1} 0 {{"url": "/d/x"}}')
    clean()

    assert (_left(fronted), sent) == (0, [])
    assert _counts(client) == (0, 1)


def test_unconfirmed_job_is_polled_longer_than_a_gateway_holds_a_post(fronted, scripted, clean):
    """Its POST may be delivered after the first 404."""
    sent = scripted(False)
    unseen = Leftover(fronted.services.api.base_url, Dialect.PATH, "0" * 32, seen=False)
    fronted.services.ledger.leftovers.add([unseen])
    while _left(fronted):
        clean()

    assert len(sent) == 6


def test_a_worker_that_died_loses_nothing(*, fronted, conveyor, document, sandbox, rush, clean):
    conveyor.convert(document, to="html")
    fronted.work()
    rush()
    assert len(fronted.services.ledger.leftovers.claim(10, 100)) == 3
    cleanup.clean_up()
    assert sandbox.audit()["deleted_files"] == 0

    # The lease has ended.
    clean()
    assert sandbox.audit()["deleted_files"] == 2


@pytest.mark.parametrize(
    ("outcome", "left"),
    [(Started("theirs"), 1), (Finished(Result(1, (RemoteFile("a", "http://x/d/r"),))), 2)],
    ids=["started", "finished"],
)
def test_result_of_a_cancelled_conversion_is_deleted(worker, conveyor, sandbox, outcome, left):
    """Cancelled while the POST was in flight: whoever was told to clean up came too early."""
    handle = conveyor.convert("https://example.com/a.docx", to="pdf")
    ledger = worker.services.ledger
    begun = ledger.begin_submit(
        ledger.get(handle.id), Submission("0" * 32, sandbox.url, Dialect.PATH)
    )
    cleanup.leave_if_cancelled(worker.services, begun, outcome)
    assert _left(worker) == 0, "it goes on"
    handle.cancel()
    cleanup.leave_if_cancelled(worker.services, begun, outcome)

    assert _left(worker) == left


def test_a_cancelled_conversions_job_is_deleted(worker, conveyor, sandbox, document, clean):
    handle = conveyor.convert(document, to="html")
    worker.run(worker.waiting()[0])
    handle.cancel()
    worker.work()
    clean()

    audit = sandbox.audit()
    assert handle.get().state is State.CANCELLED
    assert (audit["deleted_jobs"], audit["deleted_files"]) == (1, 1)


def test_a_purged_dead_letter_leaves_nothing(*, worker_of, conveyor, sandbox, document, clean):
    with worker_of(sandbox.url, small_bytes=0) as worker:
        handle = conveyor.convert(document, to="html")
        while (message := worker.waiting()[0]).task != names.DELIVER:
            worker.run_when_due(message)
    ledger = worker.services.ledger
    ledger.failed(ledger.get(handle.id), Failure(FailureKind.STORAGE, "Full."))
    worker.run(message)
    clean()
    audit = sandbox.audit()
    assert (audit["deleted_jobs"], audit["deleted_files"]) == (0, 1), "a replay needs the result"

    assert conveyor.dead_letters.purge(older_than_s=-1) == 1
    clean()
    audit = sandbox.audit()
    assert (audit["deleted_jobs"], audit["deleted_files"]) == (1, 2)
    assert _left(worker) == 0


def test_a_replay_that_pays_again_deletes_the_old_job_alone(
    *, worker, conveyor, sandbox, document, clean
):
    handle = conveyor.convert(document, to="html")
    worker.run(worker.waiting()[0])
    worker.drop()
    ledger = worker.services.ledger
    failure = Failure(FailureKind.SERVICE, "Broken.", code=5001, status=500)
    ledger.failed(ledger.get(handle.id), failure)
    conveyor.dead_letters.replay(handle.id)
    clean()
    audit = sandbox.audit()
    assert (audit["deleted_jobs"], audit["deleted_files"]) == (1, 1)

    worker.work()
    assert handle.get().state is State.SUCCEEDED
    clean()
    audit = sandbox.audit()
    assert (audit["deleted_jobs"], audit["deleted_files"]) == (2, 3)
