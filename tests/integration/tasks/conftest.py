"""The tasks as a worker runs them, one message at a time: a real broker, a real service."""

from __future__ import annotations

import logging
import re
import sys
import time
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

import pytest
from celery.app.trace import build_tracer
from kombu import Queue

from config.settings import WorkerSettings
from convertapi_sandbox import SandboxConfig, SandboxServer
from convertapi_sandbox.config import Dialect as Spoken
from conveyor import Conveyor, names
from conveyor.convertapi.client import ConvertApi
from conveyor.ledger.keys import Keys
from conveyor.settings import load
from workers import cleanup, sweep, wiring
from workers.crew import Crew

KEYS = Keys()

SPACING_S = 0.2
PROOF_S = 0.3
QUEUES = (*names.Queues().names, "celery")
# Where nobody else draws what is run by hand.
BY_HAND = "by hand"


@pytest.fixture(scope="session")
def sandbox_of():
    """Sandboxes by the dialects that they speak."""
    running = {}

    def start(*dialects):
        spoken = frozenset(map(Spoken, dialects))
        if spoken not in running:
            config = SandboxConfig(spacing_s=SPACING_S, seed=1, dialects=spoken)
            running[spoken] = SandboxServer(config).__enter__()
        server = running[spoken]
        server.set_faults({})
        server.reset()
        return server

    yield start
    for server in running.values():
        server.__exit__(None, None, None)


@pytest.fixture
def sandbox(sandbox_of):
    return sandbox_of("path", "query")


class Exceptions(logging.Handler):
    """Notes the exceptions that are logged with their traceback."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def emit(self, record):
        said = record.msg if isinstance(record.msg, dict) else {}
        if record.exc_info or said.get("exc_info"):
            kind = sys.exc_info()[0] or (record.exc_info or (None,))[0]
            self.seen.append((getattr(kind, "__name__", ""), str(record.msg)))


@pytest.fixture(autouse=True)
def _nothing_unexpected_is_raised(request):
    """Fail a test in which a task has stumbled, unless it is marked with ``tracebacks``.

    The sweep brings back what stumbled, so the test itself may well see it end.
    """
    exceptions, root = Exceptions(), logging.getLogger()
    root.addHandler(exceptions)
    yield
    root.removeHandler(exceptions)
    expected = [error for mark in request.node.iter_markers("tracebacks") for error in mark.args]
    for kind, said in exceptions.seen:
        if not any(re.search(each, kind) for each in expected):
            pytest.fail(f"{kind} was logged: {said}")


@dataclass
class Message:
    """A task's message, taken from the broker; `due_at` is when it may run, a Unix time."""

    task: str
    id: str
    args: list[Any]
    kwargs: dict[str, Any]
    due_at: float
    request: dict[str, Any]


class Worker:
    """A worker by hand: takes messages when told, and runs them as Celery does."""

    def __init__(self, app, services):
        self.app = app
        self.services = services
        self._later = []

    def waiting(self):
        """Take every message that waits, the next first."""
        return sorted(self._take(*QUEUES), key=lambda message: message.due_at)

    def _take(self, *queues):
        with self.app.connection_for_read() as connection, connection.channel() as channel:
            return [
                _message(raw)
                for queue in queues
                for raw in iter(partial(Queue(queue)(channel).get, no_ack=True), None)
            ]

    def drop(self):
        """Lose every message that waits, and the knowledge that a bell was rung. Returns them."""
        lost, redis = [*self._later, *self.waiting()], self.services.ledger._redis
        self._later = []
        for mark in redis.scan_iter(f"{KEYS.prefix}bell:*"):
            redis.delete(mark)
        return lost

    def run(self, message):
        """Run one message, whether its time has come or not, and all that it begins."""
        task = self.app.tasks[message.task]
        trace = build_tracer(task.name, task, app=self.app)
        return trace(message.id, message.args, message.kwargs, message.request)

    def run_when_due(self, message):
        time.sleep(max(message.due_at - time.time(), 0))
        return self.run(message)

    def ring(self, name=names.POLL):
        """Run a bell that somebody has just rung."""
        self.call(name, at=0)

    def run_at_once(self):
        """Run what has no countdown, and what that sends; `work` goes on with the rest."""
        while messages := self.waiting():
            for message in messages:
                if message.due_at:
                    self._later.append(message)
                else:
                    self.run(message)

    def sweep(self):
        """Run what the sweep rings for, and what that sends. Returns how many were overdue."""
        overdue = sweep.sweep()
        self.run_at_once()
        return overdue

    def call(self, name, *args, **kwargs):
        # Nobody listens for its result: Celery would keep a connection for that.
        self.app.send_task(
            name,
            args=args,
            kwargs=kwargs,
            queue=BY_HAND,
            ignore_result=True,
            headers={"ignore_result": False},
        )
        (message,) = self._take(BY_HAND)
        self.run(message)

    def work(self, seconds=60.0):
        """Run what waits, each at its time, until nothing waits. Returns the tasks' names."""
        done, deadline, later = [], time.monotonic() + seconds, self._later
        self._later = []
        while time.monotonic() < deadline:
            later = sorted(later + self.waiting(), key=lambda message: message.due_at)
            if not later:
                return done
            message = later.pop(0)
            self.run_when_due(message)
            done.append(message.task)
        raise AssertionError(f"still at work after {done}")


def _message(raw):
    args, kwargs, embed = raw.payload
    eta = raw.headers["eta"]
    due_at = datetime.fromisoformat(eta).timestamp() if eta else 0.0
    request = {
        **raw.headers,
        **embed,
        "args": args,
        "kwargs": kwargs,
        "hostname": "worker@test",
        "is_eager": False,
        "reply_to": raw.properties.get("reply_to"),
        "correlation_id": raw.properties.get("correlation_id"),
        "delivery_info": {"routing_key": raw.delivery_info["routing_key"], "exchange": ""},
    }
    return Message(raw.headers["task"], raw.headers["id"], args, kwargs, due_at, request)


@pytest.fixture
def worker_of(app, redis_url, tmp_path, monkeypatch):
    """A worker for a service, with settings of its own.

    Its tasks wait for all that they have begun: what a message brings is done once it was run.
    """
    monkeypatch.setattr(wiring, "Crew", partial(Crew, patience_s=60.0))

    @contextmanager
    def make(api_url, **values):
        settings = load(
            WorkerSettings,
            **{
                "api_url": api_url,
                "api_secret": "sandbox",
                "broker_url": redis_url,
                "storage_url": str(tmp_path / "files"),
                "poll_spacing_seconds": SPACING_S,
                "proof_seconds": PROOF_S,
                "proof_closed_seconds": PROOF_S,
                "concurrency": 4,
                "read_timeout_seconds": 30,
                "answer_timeout_seconds": 30,
                **values,
            },
        )
        wiring.use(app, settings)
        services = wiring.wired()
        yield Worker(app, services)
        services.heartbeat.stop()

    return make


@pytest.fixture
def worker(worker_of, sandbox):
    with worker_of(sandbox.url) as made:
        yield made


@pytest.fixture
def conveyor(redis_url, tmp_path):
    with closing(Conveyor(broker_url=redis_url, storage_url=str(tmp_path / "files"))) as made:
        yield made


@pytest.fixture
def ready(worker, conveyor, document):
    """A conversion whose result waits at the service, and its delivery.

    The worker sends one for each result: its ``small_bytes`` is 0.
    """
    assert worker.services.settings.small_bytes == 0

    def make():
        handle = conveyor.convert(document, to="html")
        for _ in range(50):
            (message,) = worker.waiting()
            if message.task == names.DELIVER:
                return handle, message
            worker.run_when_due(message)
        raise AssertionError("it did not become ready")

    return make


@pytest.fixture
def rush(client):
    """Make everything due that is to be deleted, whatever waits or is claimed."""

    def run():
        for leftover_id in client.zrange(KEYS.leftovers, 0, -1):
            client.zadd(KEYS.leftovers, {leftover_id: 1})

    return run


@pytest.fixture
def clean(rush):
    """Have the clean-up come once, now."""

    def run():
        rush()
        cleanup.clean_up()

    return run


@pytest.fixture
def results(tmp_path):
    """The files that lie in the storage as results, by name."""

    def look():
        folder = tmp_path / "files" / "results"
        return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    return look


@pytest.fixture
def make_overdue(client):
    """Let all that is due have been due for a while, without a wait."""

    def run():
        for key in KEYS.all_due:
            for conversion_id in client.zrange(key, 0, -1):
                client.zadd(key, {conversion_id: 1})

    return run


@pytest.fixture
def due_at(client):
    """When a conversion is due, by Redis' clock; None where it is not."""

    def look(conversion_id):
        dates = (client.zscore(key, conversion_id) for key in KEYS.all_due)
        return next((date for date in dates if date is not None), None)

    return look


@pytest.fixture
def after_spacing(client):
    """Let the turnstile's spacing end, and the next step be due, without a wait."""

    def run(conversion_id):
        client.delete(KEYS.turnstile(conversion_id))
        for key in KEYS.all_due:
            client.zadd(key, {conversion_id: 1}, xx=True)

    return run


class Posts:
    """POSTs, watched: their job ids, and what happens while one is in flight."""

    def __init__(self):
        self.ids = []
        self.meanwhile = lambda: None

    def watch(self, start):
        def watched(dialect, formats, form, job_id, *args, **options):
            self.ids.append(job_id)
            self.meanwhile()
            return start(dialect, formats, form, job_id, *args, **options)

        return watched


@pytest.fixture
def posts(monkeypatch):
    """Watches the POSTs of every worker that is made from then on."""
    made = Posts()
    monkeypatch.setattr(ConvertApi, "start", _bound(made, ConvertApi.start))
    return made


def _bound(posts, start):
    def watched(api, *args, **options):
        return posts.watch(start.__get__(api))(*args, **options)

    return watched
