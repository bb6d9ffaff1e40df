"""With webhooks a conversion costs one poll, also where calls are too fast."""

from __future__ import annotations

import threading
import time
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest

from conveyor import ConversionFailed
from local_stack.stack import LocalStack

from .crowds import MOST_POLLS, SPACING_S, audit_of, check, convert, figures, stack_with_webhooks

# Each worker polls the first few early, whatever their number: of fewer these would be most of it.
CONVERSIONS = 250
LARGE_CONVERSIONS = 500
LATE_S = 1.0


@pytest.mark.large
def test_hundreds_of_conversions_cost_one_poll_each(sandbox_of, large, tell, until):
    count, duration = (LARGE_CONVERSIONS, "1-20") if large else (CONVERSIONS, "1-12")
    with (
        stack_with_webhooks(duration, dialect="path") as stack,
        closing(stack.conveyor()) as conveyor,
    ):
        begun = time.monotonic()
        done = convert(conveyor, count)
        audit = audit_of(sandbox_of(stack), until, count)
    tell(f"{figures(done, audit)}; {time.monotonic() - begun:.1f} s")

    check(done, audit, MOST_POLLS)
    assert (audit["webhooks_sent"], audit["webhooks_lost"]) == (count, 0)


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
        stack_with_webhooks("0", API_URL=f"http://127.0.0.1:{service.server_port}") as stack,
        closing(stack.conveyor()) as conveyor,
    ):
        service.target = urlsplit(stack.sandbox_url).netloc
        done = convert(conveyor, 20)
        audit = audit_of(sandbox_of(stack), until, 20)

    check(done, audit, 1.0)
    assert audit["webhooks_sent"] == 20
    # A lost call would have been another poll, as no fallback comes before 5 s.
    assert max(each.polls for each in done) == 1
