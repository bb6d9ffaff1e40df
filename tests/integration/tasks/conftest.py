"""The tasks as a worker runs them, one message at a time: a real broker, a real service."""

from __future__ import annotations

import time
import warnings
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest
from celery.app.trace import build_tracer

from config.settings import WorkerSettings
from conveyor import Conveyor, names
from conveyor.ledger.keys import Keys
from conveyor.protocol import ConvertApi
from conveyor.sandbox import SandboxConfig, SandboxServer
from conveyor.sandbox.config import Dialect as Spoken
from conveyor.settings import load
from workers import cleanup, wiring

KEYS = Keys()

SPACING_S = 0.2
PROOF_S = 0.3
QUEUES = (*names.Queues().names, "celery")


@pytest.fixture(scope="session")
def sandbox_of():
    """Sandboxes by the dialects that they speak."""
    running = {}

    def start(*dialects):
        spoken = frozenset(map(Spoken, dialects))
        if spoken not in running:
            config = SandboxConfig(spacing_seconds=SPACING_S, seed=1, dialects=spoken)
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

    def __init__(self, app, engine):
        self.app = app
        self.engine = engine

    def waiting(self):
        """Take every message that waits, the next first."""
        found = []
        with self.app.connection_for_read() as connection:
            for queue in QUEUES:
                with closing(connection.SimpleQueue(queue)) as messages, suppress(messages.Empty):
                    while message := messages.get_nowait():
                        message.ack()
                        found.append(_message(message))
        return sorted(found, key=lambda message: message.due_at)

    def run(self, message):
        """Run one message, whether its time has come or not."""
        task = self.app.tasks[message.task]
        trace = build_tracer(task.name, task, app=self.app)
        with warnings.catch_warnings():
            # Celery's own result backend still calls what redis-py 8 calls deprecated.
            warnings.filterwarnings("ignore", "Call to deprecated setex", DeprecationWarning)
            return trace(message.id, message.args, message.kwargs, message.request)

    def run_when_due(self, message):
        time.sleep(max(message.due_at - time.time(), 0))
        return self.run(message)

    def poll(self, conversion_id, number):
        """Run a poll that somebody sent."""
        self.call(names.POLL, conversion_id, number)

    def call(self, name, *args, **kwargs):
        # Nobody listens for its result: Celery would keep a connection for that.
        self.app.send_task(
            name,
            args=args,
            kwargs=kwargs,
            queue=names.Queues().of_tasks[name],
            ignore_result=True,
            headers={"ignore_result": False},
        )
        (message,) = [it for it in self.waiting() if it.task == name]
        self.run(message)

    def work(self, seconds=60.0):
        """Run what waits, each at its time, until nothing waits. Returns the tasks' names."""
        done, deadline, later = [], time.monotonic() + seconds, []
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
def worker_of(app, redis_url, tmp_path):
    """A worker for a service, with settings of its own."""

    @contextmanager
    def make(api_url, **values):
        settings = load(
            WorkerSettings,
            **{
                "api_url": api_url,
                "api_secret": "sandbox",
                "broker_url": redis_url,
                "storage_url": str(tmp_path / "files"),
                "poll_spacing": SPACING_S,
                "proof_seconds": PROOF_S,
                "proof_closed_seconds": PROOF_S,
                "concurrency": 4,
                "read_timeout": 30,
                "answer_timeout": 30,
                **values,
            },
        )
        wiring.use(app, settings)
        yield Worker(app, wiring.engine())

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
    """A conversion whose result waits at the service, and its delivery."""

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
        for conversion_id in client.zrange(KEYS.due, 0, -1):
            client.zadd(KEYS.due, {conversion_id: 1})

    return run


@pytest.fixture
def after_spacing(client):
    """Let the turnstile's spacing end, without a wait."""
    return lambda conversion_id: client.delete(KEYS.turnstile(conversion_id))


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
