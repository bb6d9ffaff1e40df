"""The sides that are measured, each as its users start it: its processes, and how one enqueues."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from celery import Celery

from benchmarks.jobs import Source
from conveyor import Conveyor
from conveyor.callbacks.signing import make_secret
from conveyor.names import Queues
from local_stack import commands
from local_stack.environment import ROOT, child_environment
from local_stack.ports import LOOPBACK, free_port
from local_stack.process import Child

__all__ = ["Enqueue", "Place", "Side", "side_of"]

Enqueue = Callable[[Source], str]
"""Enqueues one conversion, and returns the id of its result."""

_PINGS_S: Final = 0.3
_PEERS: Final = {
    # Two processes for two cores, as `celery worker` takes them by itself.
    "naive": ("convert", ("-c", "2")),
    "blocking": ("convert", ("-P", "threads", "-c", "64")),
    "empty": ("nothing", ("-c", "2")),
    "empty-threads": ("nothing", ("-P", "threads", "-c", "32")),
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a run takes place.

    Attributes:
        redis_url: The one server, for broker, ledger and results.
        service_url: The stand-in of the service.
        folder: Where results are stored, and the database lies.
        logs: Where what the processes print is kept.
    """

    redis_url: str
    service_url: str
    folder: Path
    logs: Path


class Side:
    """A fleet that runs.

    Attributes:
        name: Its name on the command line.
        workers: The workers' processes.
        web: The web processes, which take webhooks.
        unacked: The key of what workers have drawn and not acknowledged.
        has_results: Whether what is enqueued has an outcome.
    """

    def __init__(
        self,
        name: str,
        workers: list[Child],
        web: list[Child],
        unacked: str,
        opened: Callable[[], AbstractContextManager[tuple[Enqueue, Enqueue]]],
        *,
        has_results: bool = True,
    ) -> None:
        self.name = name
        self.workers = workers
        self.web = web
        self.unacked = unacked
        self.has_results = has_results
        self._opened = opened

    @contextmanager
    def running(self, redis_url: str) -> Iterator[None]:
        """Start all, wait until they are ready, end them at the end."""
        try:
            for child in (*self.workers, *self.web):
                child.start()
            with closing(Celery(broker=redis_url)) as app:
                for worker in self.workers:
                    node = f"{worker.name}@{LOOPBACK}"
                    worker.wait_ready(partial(_answers, app, node))
            for web in self.web:
                web.wait_ready(partial(_says, web, "web ready on"))
            yield
        finally:
            for child in (*self.workers, *self.web):
                child.ask_to_end()
            for child in (*self.workers, *self.web):
                child.stop()

    @contextmanager
    def producer(self) -> Iterator[tuple[Enqueue, Enqueue]]:
        """What a web application would do: to enqueue, and to warm up."""
        with self._opened() as both:
            yield both


def side_of(name: str, place: Place, *, workers: int, webhooks: bool) -> Side:
    """Prepare a side.

    Args:
        name: ``ours`` or a peer's.
        place: The folders and addresses of the run.
        workers: How many worker processes Conveyor has. A peer has one worker, with two.
        webhooks: Whether the service calls us. Peers poll.
    """
    if name == "ours":
        return _ours(place, workers, webhooks=webhooks)
    return _peer(name, place)


def _answers(app: Celery, node: str) -> bool:
    return bool(app.control.ping(destination=[node], timeout=_PINGS_S))


def _says(child: Child, words: str) -> bool:
    return words in child.printed()


def _child(
    name: str, place: Place, command: tuple[str, ...], environment: Mapping[str, str]
) -> Child:
    log = place.logs / f"{name}.log"
    return Child(name, command, log=log, env=environment, cwd=ROOT)


def _ours(place: Place, count: int, *, webhooks: bool) -> Side:
    """As in production: whatever has a default has it."""
    shared = {
        "BROKER_URL": place.redis_url,
        "STORAGE_URL": (place.folder / "files").as_uri(),
    }
    settings = {
        **shared,
        "API_URL": place.service_url,
        "API_SECRET": "sandbox-bench",
        # Receivers of callbacks are on this machine, where there are any.
        "CALLBACK_SECRETS": make_secret(),
        "CALLBACK_ALLOW_HTTP": "true",
        "CALLBACK_NETWORKS": "127.0.0.0/8",
    }
    web = []
    if webhooks:
        port, key = free_port(), secrets.token_urlsafe(16)
        settings |= {"WEBHOOK_URL": f"http://{LOOPBACK}:{port}/webhooks", "WEBHOOK_KEY": key}
        env = child_environment({**shared, "WEB_PORT": str(port), "WEBHOOK_KEY": key})
        web = [_child("web", place, commands.web(), env)]
    environment = child_environment(settings)
    workers = [
        _child(f"worker{number}", place, commands.worker(f"worker{number}@{LOOPBACK}"), environment)
        for number in range(1, count + 1)
    ]

    @contextmanager
    def opened() -> Iterator[tuple[Enqueue, Enqueue]]:
        """Enqueue by a `Conveyor`, as a web application does."""
        url, storage = place.redis_url, shared["STORAGE_URL"]
        with Conveyor(broker_url=url, redis_url=url, storage_url=storage) as conveyor:
            # What the warm-up took tells nothing of the pair that is measured.
            yield (
                lambda source: conveyor.convert(source.url, to="pdf").id,
                lambda source: conveyor.convert(source.url, to="pdf", from_format="txt").id,
            )

    return Side("ours", workers, web, Queues().unacknowledged["unacked_key"], opened)


def _peer(name: str, place: Place) -> Side:
    task, options = _PEERS[name]
    is_empty = name.startswith("empty")
    module = f"benchmarks.peers.{'empty' if is_empty else name}.app"
    results = place.folder / "files"
    results.mkdir(exist_ok=True)
    bench = {
        "BENCH_BROKER": place.redis_url,
        "BENCH_SERVICE": place.service_url,
        "BENCH_FOLDER": str(results),
    }
    environment = {**child_environment({}), **bench}
    command = (sys.executable, "-m", "celery", "-A", module, "worker", *options)
    worker = _child("worker1", place, (*command, "-n", f"worker1@{LOOPBACK}"), environment)

    @contextmanager
    def opened() -> Iterator[tuple[Enqueue, Enqueue]]:
        """Enqueue by a Celery application that knows the peer's task by its name."""
        with closing(Celery(broker=place.redis_url)) as app:

            def enqueue(source: Source) -> str:
                """Send the peer's task one source."""
                argument = source.number if is_empty else source.url
                return str(app.send_task(f"{module}.{task}", (argument,)).id)

            yield enqueue, enqueue

    return Side(name, [worker], [], "unacked", opened, has_results=not is_empty)
