"""Real processes: the local stack, and a web application's own Celery worker beside it."""

from __future__ import annotations

import base64
import gc
import importlib
import json
import sys
import time
import urllib.error
import urllib.request
from contextlib import closing, contextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from local_stack import commands
from local_stack.environment import ROOT
from local_stack.ports import free_port
from local_stack.process import Child
from local_stack.stack import LocalStack, consumes

HERE = Path(__file__).parent
# Flower refuses its own button, and its API, without one.
FLOWERS_PASSWORD = "conveyor:secret"


class Sandbox:
    """The sandbox of a stack, as its judge and its tormentor."""

    def __init__(self, url):
        self._url = url

    def audit(self):
        with urllib.request.urlopen(f"{self._url}/_audit", timeout=60) as answer:
            return json.load(answer)

    def set_faults(self, **rates):
        request = urllib.request.Request(
            f"{self._url}/_faults",
            data=json.dumps(rates).encode(),
            headers={"Content-Type": "application/json"},
        )
        urllib.request.urlopen(request, timeout=60).close()

    @contextmanager
    def faults(self, **rates):
        self.set_faults(**rates)
        try:
            yield
        finally:
            self.set_faults()


class Flower:
    """Flower with a password, as the compose file starts it."""

    def __init__(self, url):
        self._url = url

    def ask(self, path, method="GET"):
        """Its answer's body; raises where it refuses."""
        who = base64.b64encode(FLOWERS_PASSWORD.encode()).decode()
        headers = {"Authorization": f"Basic {who}", "Origin": self._url}
        request = urllib.request.Request(f"{self._url}{path}", method=method, headers=headers)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.read()

    def is_ready(self):
        """Whether it hears the workers' events: what was sent before is unknown to it."""
        try:
            return bool(json.loads(self.ask("/api/workers?status=1")))
        except OSError:
            return False

    def press_revoke(self, task_id):
        """What its button sends."""
        self.ask(f"/api/task/revoke/{task_id}?terminate=true", "POST")

    def task(self, task_id):
        """What it shows of a task; nothing where it knows none."""
        try:
            return json.loads(self.ask(f"/api/task/info/{task_id}"))
        except urllib.error.HTTPError:
            return {}

    def tasks(self):
        """The tasks that it shows."""
        return set(json.loads(self.ask("/api/tasks")))


@pytest.fixture(scope="session", autouse=True)
def _no_child_logs_a_traceback(children_are_watched, programs_are_forked):
    """Fail a test that has a child log one, unless it is marked with ``tracebacks``."""


@pytest.fixture(autouse=True)
def _no_result_outlives_its_server():
    """Celery unsubscribes when a result is collected, and tries for 20 s where the server has gone.

    So what is in a circle is collected now, and not in the midst of another test.
    """
    yield
    gc.collect()


@pytest.fixture(scope="module")
def stack():
    with LocalStack(workers=2) as running:
        yield running


@pytest.fixture(scope="module")
def sandbox(stack):
    return Sandbox(stack.sandbox_url)


@pytest.fixture
def conveyor(stack):
    with closing(stack.conveyor()) as conveyor:
        yield conveyor


@pytest.fixture
def audit_once_at_rest(sandbox, conveyor, until):
    """Gives the audit once nothing is under way: what comes later, the test has done itself."""

    def is_at_rest():
        fleet = conveyor.fleet()
        under_way = [count for state, count in fleet.states.items() if not state.is_final]
        running = sandbox.audit()["jobs_by_outcome"]["in_progress"]
        return not any((*under_way, fleet.leftovers, running))

    def audit():
        until(is_at_rest)
        return sandbox.audit()

    return audit


@pytest.fixture
def audit_at_rest(audit_once_at_rest):
    """What the sandbox counted before this test, with nothing of an earlier one under way."""
    return audit_once_at_rest()


@pytest.fixture
def document(tmp_path):
    path = tmp_path / "a.md"
    path.write_text("# Report\n\nWords of the report.\n")
    return path


@pytest.fixture
def unlike_document(tmp_path):
    """No two are equal."""
    path = tmp_path / "a.md"
    path.write_text(f"# Report {uuid4()}\n")
    return path


@pytest.fixture(scope="module")
def web_worker(stack):
    """The web application's own worker: it consumes `celery`, Celery's default queue."""
    environment = {
        **stack.environment(),
        "WEBAPP_BROKER": stack.broker_url,
        "WEBAPP_FOLDER": str(stack.directory),
    }
    worker = Child(
        "webapp",
        [
            *(sys.executable, "-m", "celery", "-A", "webapp", "worker"),
            *("-P", "threads", "-c", "4", "-n", "webapp@localhost", "--without-mingle"),
        ],
        log=stack.directory / "webapp.log",
        env=environment,
        cwd=HERE,
    )
    worker.start()
    with closing(stack.conveyor()) as conveyor:
        worker.wait_ready(consumes(conveyor, "webapp@localhost"))
    yield worker
    worker.stop()


@pytest.fixture(scope="module")
def web_app(stack, web_worker):
    """The web application's Celery module, as its web process imports it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WEBAPP_BROKER", stack.broker_url)
        patch.setenv("WEBAPP_FOLDER", str(stack.directory))
        patch.syspath_prepend(str(HERE))
        webapp = importlib.import_module("webapp")
        with closing(webapp.app):
            yield webapp
    # Another module's stack has another broker.
    del sys.modules["webapp"]


@pytest.fixture(scope="module")
def flower(stack):
    port = free_port()
    flower = Flower(f"http://127.0.0.1:{port}")
    process = Child(
        "flower",
        commands.flower(port),
        log=stack.directory / "flower.log",
        env={**stack.environment(), "FLOWER_BASIC_AUTH": FLOWERS_PASSWORD},
        cwd=ROOT,
    )
    process.start()
    try:
        process.wait_ready(flower.is_ready)
        yield flower
    finally:
        process.stop()


def _until(is_so, seconds=100.0):
    """Look until it is so; the machine may be slow."""
    deadline = time.monotonic() + seconds
    while not (found := is_so()):
        assert time.monotonic() < deadline, f"not so after {seconds:g} s"
        time.sleep(0.02)
    return found


@pytest.fixture(scope="session")
def until():
    return _until


@pytest.fixture
def unacknowledged():
    """How many messages a stack's broker still holds, once it has had time to settle."""

    def count(stack, seconds=60.0):
        deadline = time.monotonic() + seconds
        with closing(stack.valkey.client()) as client:
            while (left := client.hlen("conveyor:unacked")) and time.monotonic() < deadline:
                time.sleep(0.1)
        return left

    return count


@pytest.fixture
def sandbox_of():
    """The sandbox of a stack that a test starts itself."""
    return lambda stack: Sandbox(stack.sandbox_url)
