"""A sandbox over loopback sockets, and a client no cleverer than it must be."""

import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests

from convertapi_sandbox import SandboxConfig, SandboxServer

SPACING = 0.2
ADDRESSES = {
    "query": ("/convert/{}/to/{}", {"Async": "true"}, "/job/"),
    "path": ("/async/convert/{}/to/{}", {}, "/async/job/"),
}


class Client:
    """Speaks to a sandbox in one dialect."""

    def __init__(self, server, dialect="query"):
        self.server = server
        self.url = server.url
        self.start, self.asynchronous, self.jobs = ADDRESSES[dialect]
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.headers["Authorization"] = f"Bearer {server.secret}"

    def __call__(self, method, path, **options):
        return self.session.request(method, self.url + path, timeout=30, **options)

    def upload(self, content, name="source.md"):
        header = {"Content-Disposition": f"attachment; filename={name}"}
        return self("POST", "/upload", data=content, headers=header).json()["FileId"]

    def convert(self, source, target, content=b"# Title", name=None, **params):
        """Convert synchronously, store the result."""
        files = {"File": (name or f"source.{source}", content)} if content is not None else None
        return self(
            "POST",
            f"/convert/{source}/to/{target}",
            params={"StoreFile": "true", **params},
            files=files,
        )

    def results(self, *args, **params):
        """Convert synchronously, return the files' contents."""
        answer = self.convert(*args, **params)
        assert answer.status_code == 200, answer.text
        return [
            self.session.get(file["Url"], timeout=30).content for file in answer.json()["Files"]
        ]

    def submit(self, source="md", target="html", content=b"# Title", **params):
        """Start asynchronously."""
        return self(
            "POST",
            self.start.format(source, target),
            params={**self.asynchronous, "StoreFile": "true", **params},
            data={"File": self.upload(content)},
        )

    def poll(self, job_id, **options):
        return self("GET", self.jobs + job_id, **options)

    def wait(self, job_id):
        """Poll within the rules until the job has ended."""
        for _ in range(100):
            answer = self.poll(job_id)
            if answer.status_code != 202:
                return answer
            time.sleep(SPACING + 0.01)
        raise AssertionError("the job did not end")

    def audit(self):
        return self.server.audit()

    def audit_with(self, name, value):
        """Return the audit once a count is reached, or as it is after half a minute."""
        deadline = time.monotonic() + 30
        while (audit := self.audit())[name] != value and time.monotonic() < deadline:
            time.sleep(0.02)
        return audit


@pytest.fixture(scope="session")
def shared_server():
    with SandboxServer(SandboxConfig(spacing_s=SPACING, seed=1, slow_s=0.8)) as server:
        yield server


@pytest.fixture
def server(shared_server):
    shared_server.set_faults({})
    shared_server.reset()
    return shared_server


@pytest.fixture
def client(server):
    return Client(server)


@pytest.fixture(params=["query", "path"])
def any_dialect(server, request):
    return Client(server, request.param)


@pytest.fixture
def client_of():
    return Client


@pytest.fixture
def sandbox():
    """Start sandboxes of a test's own."""

    @contextmanager
    def start(**options):
        with SandboxServer(SandboxConfig(**{"spacing_s": SPACING, **options})) as own:
            yield own

    return start


class Receiver(ThreadingHTTPServer):
    """Notes what it is sent; answers with `statuses` in turn, then 200."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Recorder)
        self.calls = []
        self.statuses = []
        self.content = b"# From the web"
        self.url = f"http://127.0.0.1:{self.server_address[1]}"

    def wait_for(self, count, seconds=30):
        end = time.monotonic() + seconds
        while len(self.calls) < count and time.monotonic() < end:
            time.sleep(0.02)
        return self.calls


class Recorder(BaseHTTPRequestHandler):
    def respond(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.calls.append((self.command, self.path, body.decode()))
        status = self.server.statuses.pop(0) if self.server.statuses else 200
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "http://example.com/")
        self.send_header("Content-Length", str(len(self.server.content)))
        self.end_headers()
        self.wfile.write(self.server.content)

    do_GET = do_POST = respond  # noqa: N815 - the base class calls them so

    def log_message(self, *_):
        pass


@pytest.fixture
def receiver():
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()
