"""The examples as their readers run them: a server of their own, from their own folder."""

from __future__ import annotations

import json
import sys
import time
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
import requests

from local_stack.environment import ROOT, child_environment
from local_stack.ports import LOOPBACK, free_port
from local_stack.process import Child

EXAMPLES = ROOT / "examples"
PATIENCE_S = 90
LOOK_EVERY_S = 0.1


class Visitor:
    """What the example's page does, without a browser."""

    def __init__(self, site, server):
        self._site = site
        self._server = server
        self._session = requests.Session()
        # A proxy of this machine knows nothing of loopback.
        self._session.trust_env = False

    def open_page(self):
        answer = self.get("")
        # Django's proof that the form came from its own page.
        self._session.headers["X-CSRFToken"] = answer.cookies.get("csrftoken", "")
        return answer

    def get(self, path, **options):
        return self._session.get(f"{self._site}/{path}", timeout=PATIENCE_S, **options)

    def upload(self, name, content, **fields):
        return self._session.post(
            f"{self._site}/conversions",
            files={"document": (name, content)},
            data=fields,
            timeout=PATIENCE_S,
        )

    def listen(self, conversion_id, after=None):
        """The server-sent events, to the end of the stream."""
        headers = {} if after is None else {"Last-Event-ID": after}
        with self.get(
            f"conversions/{conversion_id}/events", headers=headers, stream=True
        ) as answer:
            assert answer.headers["Content-Type"].startswith("text/event-stream")
            blocks = answer.content.decode().split("\n\n")
        fields = [dict(line.split(": ", 1) for line in block.splitlines()) for block in blocks[:-1]]
        return [SimpleNamespace(id=field["id"], **json.loads(field["data"])) for field in fields]

    def status(self, conversion_id):
        return self.get(f"conversions/{conversion_id}").json()

    def look_on(self, conversion_id):
        """The status again and again, until it is over."""
        deadline = time.monotonic() + PATIENCE_S
        while not (status := self.status(conversion_id))["over"]:
            assert time.monotonic() < deadline, status
            time.sleep(LOOK_EVERY_S)
        return status

    def download(self, conversion_id, name):
        return self.get(f"conversions/{conversion_id}/files/{name}")

    def has_seen_no_traceback(self):
        return "Traceback" not in self._server.printed()


@pytest.fixture(scope="module")
def report():
    return (EXAMPLES / "report.docx").read_bytes()


@pytest.fixture(scope="module")
def example_environment(stack):
    """A web application's: a producer's settings, and nothing else to import from."""
    settings = stack.settings()
    names = ("BROKER_URL", "REDIS_URL", "RESULT_BACKEND", "STORAGE_URL")
    environment = child_environment({name: settings[name] for name in names})
    environment.pop("PYTHONPATH", None)
    return environment


@pytest.fixture(scope="module")
def example_process(stack, example_environment):
    """Start a Python program from an example's folder."""

    def start(folder, *arguments):
        name = f"{folder}-{arguments[1]}"
        process = Child(
            name,
            [sys.executable, *arguments],
            log=stack.directory / f"{name}.log",
            env=example_environment,
            cwd=EXAMPLES / folder,
        )
        process.start()
        return process

    return start


@pytest.fixture(scope="module")
def serve(example_process):
    """Serve an example, and come as its visitor."""

    @contextmanager
    def visit(folder, *arguments):
        port = free_port()
        server = example_process(folder, *(item.format(port=port) for item in arguments))
        visitor = Visitor(f"http://{LOOPBACK}:{port}", server)
        try:
            server.wait_ready(lambda: _answers(visitor))
            visitor.open_page()
            yield visitor
        finally:
            server.stop()

    return visit


def _answers(visitor):
    try:
        return visitor.get("").ok
    except requests.ConnectionError:
        return False
