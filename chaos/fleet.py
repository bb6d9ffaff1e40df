"""A fleet to harm: Valkey, the sandbox and three workers, each a process."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from itertools import cycle
from pathlib import Path
from typing import Final

from chaos.build import BOTH, DIALECTS, SECRET, SETTINGS, SPACING_S, Build
from chaos.clocks import shifted
from chaos.proxy import Proxy
from chaos.service import Service
from conveyor import Conveyor
from local_stack import commands
from local_stack.environment import ROOT, child_environment
from local_stack.process import Child
from local_stack.running import Running
from local_stack.stack import LocalStack, consumes
from local_stack.valkey import Valkey

__all__ = ["Fleet"]

_WORKERS: Final = 3
_THREADS: Final = 32


class Fleet(Running):
    """The system under test.

    Attributes:
        workers: The workers' processes.
        service: The sandbox.
        proxy: Between workers and Valkey, None unless asked for.
        results: The result backend; the same Valkey unless asked for otherwise.
        replica: Valkey's, None unless asked for.
        secret: The account's.
    """

    def __init__(self, build: Build, *, dialect: str, directory: Path, seed: int) -> None:
        """Prepare a fleet; entering it starts it.

        Args:
            build: How it is built.
            dialect: Which of the service's dialects the workers speak; ``both``: each worker its
                own, as while an account moves from one to the other.
            directory: Where data and logs lie.
            seed: Of the service's faults.
        """
        super().__init__()
        self._stack = LocalStack(
            workers=0,
            concurrency=_THREADS,
            spacing=SPACING_S,
            directory=directory,
            sandbox_options=(
                *("--audit-fingerprints", "--secret", SECRET, "--duration", build.duration),
                *("--seed", str(seed)),
                *build.options,
            ),
            settings={**SETTINGS, **build.settings},
        )
        self.secret = SECRET
        self.service = Service(self._stack.sandbox_url, SECRET)
        self.results = self._another("results") if build.own_results else self.valkey
        self.replica = self._another("replica") if build.has_replica else None
        has_proxy = build.through_proxy or build.has_replica
        self.proxy = Proxy(self.valkey.port) if has_proxy else None
        app = "chaos.worker_app" if build.faulty_broker else ""
        names = [f"worker-{number}" for number in range(1, _WORKERS + 1)]
        spoken = cycle(DIALECTS if dialect == BOTH else (dialect,))
        self.workers = tuple(
            self._worker(name, app, each, shifted(off_s))
            for name, each, off_s in zip(names, spoken, cycle(build.clocks), strict=False)
        )

    @property
    def valkey(self) -> Valkey:
        """Broker, ledger and result backend."""
        return self._stack.valkey

    @property
    def directory(self) -> Path:
        """Where data and logs lie."""
        return self._stack.directory

    @property
    def storage(self) -> Path:
        """Where sources and results lie."""
        return self.directory / "files"

    @contextmanager
    def conveyor(self) -> Iterator[Conveyor]:
        """What a web application holds.

        It reaches Valkey without the proxy, unless there is a replica: a switch meets everybody.
        """
        urls = self._urls(through_proxy=self.replica is not None)
        with closing(
            Conveyor(
                broker_url=urls["BROKER_URL"],
                redis_url=urls["REDIS_URL"],
                result_backend=urls["RESULT_BACKEND"],
                storage_url=self._stack.storage_url,
            )
        ) as conveyor:
            yield conveyor

    def demote(self) -> None:
        """Hand Valkey over to its replica; addresses and connections lead where they did."""
        if self.replica is None:
            raise ValueError("this case needs a replica")
        self.valkey.hand_over_to(self.replica)

    def readdress(self) -> None:
        """Let new connections lead to what was the replica."""
        if self.replica is None or self.proxy is None:
            raise ValueError("this case needs a replica")
        self.proxy.lead_to(self.replica.port)

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

    def _start_in(self, running: ExitStack) -> None:
        running.enter_context(self._stack)
        if self.results is not self.valkey:
            running.enter_context(self.results)
        if self.replica:
            running.enter_context(self.replica)
            self.replica.follow(self.valkey)
        if self.proxy:
            running.enter_context(self.proxy)
        running.callback(self._stop)
        self.start(self.workers)

    def _stop(self) -> None:
        for worker in self.workers:
            if worker.is_running:
                worker.ask_to_end()
        for worker in self.workers:
            worker.stop()

    def _another(self, name: str) -> Valkey:
        return Valkey(self.directory / name, password=self.valkey.password)

    def _worker(self, name: str, app: str, dialect: str, more: Mapping[str, str]) -> Child:
        node = _node(name)
        command = commands.worker_of(app, node) if app else commands.worker(node)
        log = self.directory / f"{name}.log"
        settings = {
            **self._stack.settings(),
            **self._urls(through_proxy=self.proxy is not None),
            "API_DIALECT": dialect,
        }
        return Child(name, command, log=log, env={**child_environment(settings), **more}, cwd=ROOT)

    def _urls(self, *, through_proxy: bool) -> dict[str, str]:
        url = self.valkey.url()
        if through_proxy and self.proxy:
            url = url.replace(f":{self.valkey.port}/", f":{self.proxy.port}/")
        results = url if self.results is self.valkey else self.results.url()
        return {"BROKER_URL": url, "REDIS_URL": url, "RESULT_BACKEND": results}


def _node(name: str) -> str:
    return f"{name}@localhost"
