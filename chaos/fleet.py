"""A fleet to harm: Valkey, the sandbox and three workers, each a process."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from itertools import cycle
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from chaos.proxy import Proxy
from chaos.service import Service
from conveyor import Conveyor
from workers.local import commands
from workers.local.environment import ROOT, child_environment
from workers.local.process import Child
from workers.local.stack import LocalStack, consumes
from workers.local.valkey import Valkey

__all__ = ["BOTH", "DIALECTS", "SPACING_S", "Fleet"]

DIALECTS: Final = ("path", "query")
"""The service's dialects, as the workers' setting calls them."""

BOTH: Final = "both"
"""Some workers speak one, some the other."""

SPACING_S: Final = 0.2
"""Seconds between two polls of a job: the service's 5 s, on loopback."""

_WORKERS: Final = 3
_THREADS: Final = 32
# The real ones wait 5, 10, 20 … s, more than three minutes in all. At our spacing the same number
# would be over in 25 s, which is no more than a fault lasts.
_STORAGE_RETRIES: Final = 10


class Fleet:
    """The system under test.

    Attributes:
        workers: The workers' processes.
        service: The sandbox.
        proxy: Between workers and Valkey, None unless asked for.
    """

    def __init__(
        self,
        *,
        dialect: str,
        directory: Path,
        duration: str,
        sandbox_options: Sequence[str] = (),
        through_proxy: bool = False,
        faulty_broker: bool = False,
    ) -> None:
        """Prepare a fleet; entering it starts it.

        Args:
            dialect: Which of the service's dialects the workers speak; ``both``: each worker its
                own, as while an account moves from one to the other.
            directory: Where data and logs lie.
            duration: Seconds that a conversion takes, ``A-B``.
            sandbox_options: More command-line options for the sandbox.
            through_proxy: Whether workers reach Valkey through a proxy.
            faulty_broker: Whether workers install the faults of `chaos.messages`.
        """
        self._stack = LocalStack(
            workers=0,
            concurrency=_THREADS,
            spacing=SPACING_S,
            directory=directory,
            sandbox_options=("--audit-fingerprints", "--duration", duration, *sandbox_options),
            settings={"LOG_FORMAT": "json", "STORAGE_RETRIES": str(_STORAGE_RETRIES)},
        )
        settings = self._stack.settings()
        self.service = Service(self._stack.sandbox_url, settings["API_SECRET"])
        self.proxy = Proxy(self.valkey.port) if through_proxy else None
        app = "chaos.worker_app" if faulty_broker else "workers.app"
        names = [f"worker-{number}" for number in range(1, _WORKERS + 1)]
        spoken = DIALECTS if dialect == BOTH else (dialect,)
        self.workers = tuple(
            self._worker(name, app, each) for name, each in zip(names, cycle(spoken), strict=False)
        )
        self._running = ExitStack()

    @property
    def valkey(self) -> Valkey:
        """Broker, ledger and result backend."""
        return self._stack.valkey

    @property
    def directory(self) -> Path:
        """Where data and logs lie."""
        return self._stack.directory

    @contextmanager
    def conveyor(self) -> Iterator[Conveyor]:
        """What a web application holds; it reaches Valkey without the proxy."""
        with closing(self._stack.conveyor()) as conveyor:
            yield conveyor

    def start(self, workers: Iterable[Child]) -> None:
        """Start workers at once, and wait until each consumes."""
        workers = tuple(workers)
        for worker in workers:
            worker.start()
        for worker in workers:
            self.wait_for(worker)

    def wait_for(self, worker: Child) -> None:
        """Wait until a worker consumes."""
        with self.conveyor() as conveyor:
            worker.wait_ready(consumes(conveyor, _node(worker.name)))

    def kill_all(self) -> None:
        """Kill every worker, all in one moment."""
        for worker in self.workers:
            os.kill(worker.pid, signal.SIGKILL)
        for worker in self.workers:
            worker.kill()

    @contextmanager
    def paused_valkey(self) -> Iterator[None]:
        """Valkey keeps its connections and answers nobody."""
        pid = self.valkey.process.pid
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)

    def __enter__(self) -> Self:
        with ExitStack() as running:
            running.enter_context(self._stack)
            if self.proxy:
                running.enter_context(self.proxy)
            running.callback(self._stop)
            self.start(self.workers)
            self._running = running.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._running.close()

    def _stop(self) -> None:
        for worker in self.workers:
            if worker.is_running:
                worker.ask_to_end()
        for worker in self.workers:
            worker.stop()

    def _worker(self, name: str, app: str, dialect: str) -> Child:
        command = [app if word == "workers.app" else word for word in commands.worker(_node(name))]
        log = self.directory / f"{name}.log"
        return Child(name, command, log=log, env=self._environment(dialect), cwd=ROOT)

    def _environment(self, dialect: str) -> dict[str, str]:
        settings = {**self._stack.settings(), "API_DIALECT": dialect}
        if self.proxy:
            ours, theirs = f":{self.valkey.port}/", f":{self.proxy.port}/"
            for name in ("BROKER_URL", "REDIS_URL", "RESULT_BACKEND"):
                settings[name] = settings[name].replace(ours, theirs)
        return child_environment(settings)


def _node(name: str) -> str:
    return f"{name}@localhost"
