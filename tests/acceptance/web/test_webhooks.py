"""With webhooks a conversion costs one poll, also where calls are lost, doubled or too fast."""

from __future__ import annotations

import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest

from conveyor import ConversionFailed, State
from local_stack.stack import LocalStack

CONVERSIONS = 500
LOSSY_CONVERSIONS = 120
# As the service's.
SPACING_S = 5.0
MOST_POLLS = 1.05
LATE_S = 1.0


def _stack(duration, *faults, dialect="auto", **settings):
    """Two workers, which log little: what is measured is the polls."""
    return LocalStack(
        workers=2,
        concurrency=32,
        spacing=SPACING_S,
        dialect=dialect,
        web=True,
        webhooks=True,
        sandbox_options=("--duration", duration, *faults),
        settings={"LOG_LEVEL": "WARNING", **settings},
    )


def _convert(conveyor, count):
    """So many small documents at once; returns their conversions, ended.

    They are equal: the sandbox then converts once, and what it charges and audits stays the same.
    """

    def enqueue(number):
        staged = conveyor.stage(f"{number}.md", [b"# Report\n"])
        return conveyor.convert(staged, to="html")

    with ThreadPoolExecutor(8) as threads:
        handles = list(threads.map(enqueue, range(count)))
    return [handle.wait(timeout=240) for handle in handles]


def _audit_of(sandbox, until, calls):
    """The audit once it has counted so many calls: a call is counted after it was answered."""
    until(lambda: sandbox.audit()["webhooks_sent"] >= calls)
    return sandbox.audit()


def _figures(done, audit):
    polls = audit["polls"] / len(done)
    slowest = max(each.ready_at - each.submitted_at for each in done)
    names = ("paid", "polls", "violations", "webhooks_sent", "webhooks_lost")
    counts = ", ".join(f"{name} {audit[name]}" for name in names)
    return f"{len(done)} conversions: {polls:.3f} polls each, slowest {slowest:.1f} s; {counts}"


def _check(done, audit, most_polls):
    assert Counter(each.state for each in done) == {State.SUCCEEDED: len(done)}
    assert Counter(each.cost for each in done) == {1: len(done)}
    assert audit["paid"] == len(done)
    assert audit["violations"] == 0
    assert audit["polls"] == sum(each.polls for each in done)
    assert audit["polls"] <= most_polls * len(done)


def test_hundreds_of_conversions_cost_one_poll_each(sandbox_of, tell, until):
    with _stack("1-20", dialect="path") as stack, closing(stack.conveyor()) as conveyor:
        begun = time.monotonic()
        done = _convert(conveyor, CONVERSIONS)
        audit = _audit_of(sandbox_of(stack), until, CONVERSIONS)
    tell(f"{_figures(done, audit)}; {time.monotonic() - begun:.1f} s")

    _check(done, audit, MOST_POLLS)
    assert (audit["webhooks_sent"], audit["webhooks_lost"]) == (CONVERSIONS, 0)


def test_lost_and_doubled_calls_change_no_outcome(sandbox_of, tell):
    faults = ("--fault", "lost_webhook=0.2", "--fault", "doubled_webhook=0.2", "--seed", "7")
    with (
        _stack("1-4", *faults, dialect="query") as stack,
        closing(stack.conveyor()) as conveyor,
    ):
        begun = time.monotonic()
        done = _convert(conveyor, LOSSY_CONVERSIONS)
        audit = sandbox_of(stack).audit()
    tell(f"{_figures(done, audit)}; {time.monotonic() - begun:.1f} s")

    assert audit["webhooks_lost"] > LOSSY_CONVERSIONS * 0.1
    assert audit["faults"]["doubled_webhook"] > LOSSY_CONVERSIONS * 0.1
    # The fallback may once be spread too early below a job whose call was lost.
    _check(done, audit, MOST_POLLS + 0.2)
    # The fallback of a crowd, one more poll where the first came too early, and a slow machine.
    latest_s = 30 * 1.1 + SPACING_S + 60
    assert max(each.ready_at - each.submitted_at for each in done) < latest_s


def test_a_damaged_document_fails_as_soon_as_the_first_poll_may_come(tell):
    """The service does not call for failures."""
    with (
        LocalStack(web=True, webhooks=True, spacing=SPACING_S) as stack,
        closing(stack.conveyor()) as conveyor,
    ):
        handle = conveyor.convert(conveyor.stage("damaged.docx", [b"no document"]), to="pdf")
        with pytest.raises(ConversionFailed):
            handle.wait(timeout=120)
        failed = handle.get()
    tell(f"failed {failed.finished_at - failed.created_at:.1f} s after it was accepted")

    # With what is between the poll and its note, on a slow machine.
    assert failed.finished_at - failed.submitted_at < SPACING_S + 3
    assert failed.polls == 1


class _LateAnswers(BaseHTTPRequestHandler):
    """Passes requests on to the service, and answers submits a second late."""

    protocol_version = "HTTP/1.1"

    def _pass_on(self):
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(length) if length else None
        with closing(HTTPConnection(self.server.target, timeout=90)) as service:
            service.request(self.command, self.path, body, dict(self.headers))
            answer = service.getresponse()
            content = answer.read()
        if "/convert/" in self.path:
            time.sleep(LATE_S)
        self.send_response_only(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_DELETE = _pass_on  # noqa: N815 - the server's names

    def log_message(self, *_):
        pass


@contextmanager
def _late_answers():
    with ThreadingHTTPServer(("127.0.0.1", 0), _LateAnswers) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def test_a_call_that_is_faster_than_the_submits_answer_is_not_lost(sandbox_of, until):
    with (
        _late_answers() as service,
        _stack("0", API_URL=f"http://127.0.0.1:{service.server_port}") as stack,
        closing(stack.conveyor()) as conveyor,
    ):
        service.target = urlsplit(stack.sandbox_url).netloc
        done = _convert(conveyor, 20)
        audit = _audit_of(sandbox_of(stack), until, 20)

    _check(done, audit, 1.0)
    assert audit["webhooks_sent"] == 20
    # A lost call would have been another poll, as no fallback comes before 5 s.
    assert max(each.polls for each in done) == 1
