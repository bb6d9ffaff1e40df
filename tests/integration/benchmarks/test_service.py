from __future__ import annotations

import json
import threading
import time
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from benchmarks.faults import Faults
from benchmarks.jobs import Source
from benchmarks.service import FILE
from benchmarks.stand_in import StandIn
from local_stack.ports import LOOPBACK

JOB = "a" * 32


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with StandIn(tmp_path_factory.mktemp("stand-in")) as stand_in:
        yield stand_in


@pytest.fixture
def stand_in(running):
    running.reset(Faults())
    return running


@pytest.fixture
def ask(stand_in):
    connection = HTTPConnection(LOOPBACK, int(stand_in.url.rpartition(":")[2]), timeout=30)

    def ask(method, path, **fields):
        body = "&".join(f"{name}={value}" for name, value in fields.items()).encode()
        connection.request(method, path, body)
        answer = connection.getresponse()
        return answer.status, answer.read()

    yield ask
    connection.close()


@pytest.mark.parametrize("prefix", ["/async", ""])
def test_conversion_runs_from_post_to_delete_in_both_dialects(ask, prefix):
    start = f"{prefix}/convert/docx/to/pdf?Async=true&JobId="
    posted = ask("POST", f"{start}{JOB}", File=Source(1, 0).url)
    ask("POST", f"{start}{'b' * 32}", File=Source(2, 60).url)

    assert posted == (200, b'{"JobId": "%s"}' % JOB.encode())
    assert ask("GET", f"{prefix}/job/{'b' * 32}")[0] == 202
    status, body = ask("GET", f"{prefix}/job/{JOB}")
    assert status == 200
    file = json.loads(body)["Files"][0]
    assert file["FileSize"] == len(FILE)
    assert ask("GET", f"/d/{file['FileId']}") == (200, FILE)
    for place in (f"{prefix}/job/{JOB}", f"/d/{file['FileId']}"):
        assert [ask("DELETE", place)[0] for _ in range(2)] == [200, 404]
    assert ask("GET", f"{prefix}/job/{JOB}")[0] == 404


def test_job_without_an_id_of_its_own_is_given_one(ask):
    _, body = ask("POST", "/convert/docx/to/pdf?Async=true", File=Source(1, 9).url)

    assert ask("GET", f"/job/{json.loads(body)['JobId']}")[0] == 202


def test_early_poll_is_refused_and_counted(ask, stand_in):
    ask("POST", f"/async/convert/docx/to/pdf?JobId={JOB}", File=Source(1, 9).url)

    assert [ask("GET", f"/async/job/{JOB}")[0] for _ in range(2)] == [202, 503]
    assert stand_in.audit()["violations"] == 1


def test_throttled_share_of_posts_is_answered_as_the_vendor_does(ask, stand_in):
    stand_in.reset(Faults(throttled=1.0))
    status, body = ask("POST", f"/async/convert/docx/to/pdf?JobId={JOB}", File=Source(1, 9).url)

    assert (status, json.loads(body)["Code"]) == (503, 503)
    assert stand_in.audit()["jobs"] == []


def test_dribbled_poll_is_in_flight_until_its_last_byte(ask, stand_in):
    ask("POST", f"/async/convert/docx/to/pdf?JobId={JOB}", File=Source(1, 0).url)
    stand_in.set_faults(Faults(dribbled=1.0, dribble_s=3))
    slow = HTTPConnection(LOOPBACK, int(stand_in.url.rpartition(":")[2]), timeout=30)
    began = time.monotonic()
    slow.request("GET", f"/async/job/{JOB}")
    while not stand_in.audit()["jobs"][0]["polls"]:
        time.sleep(0.01)

    overlapping, _ = ask("GET", f"/async/job/{JOB}")
    body = slow.getresponse().read()
    slow.close()

    assert overlapping == 503
    assert json.loads(body)["Files"]
    assert time.monotonic() - began > 2.5
    audit = stand_in.audit()
    assert audit["counts"]["overlapping_polls"] == 1
    assert audit["jobs"][0]["dribbled"] == ["poll"]


def test_webhook_is_called_when_the_job_has_ended(ask, stand_in):
    called = threading.Event()
    seen = []

    class Hook(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 5

        def do_POST(self):
            length = int(self.headers["Content-Length"])
            seen.append((self.path, json.loads(self.rfile.read(length))))
            self.send_response(204)
            self.end_headers()
            called.set()

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer((LOOPBACK, 0), Hook)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        hook = f"http://{LOOPBACK}:{server.server_port}/webhooks/a/b"
        query = f"JobId={JOB}&WebHook={hook}"
        ask("POST", f"/async/convert/docx/to/pdf?{query}", File=Source(1, 0.2).url)

        assert called.wait(30)
        assert seen == [("/webhooks/a/b", {"JobId": JOB})]
    finally:
        server.shutdown()
        server.server_close()
