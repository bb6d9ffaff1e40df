"""The whole system on loopback, started and ended as one."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from itertools import chain, repeat
from pathlib import Path

from conveyor import Conveyor
from local_stack import commands
from local_stack.endpoints import Endpoints
from local_stack.environment import ROOT, child_environment
from local_stack.ports import LOOPBACK
from local_stack.process import Child
from local_stack.running import Running
from local_stack.valkey import Valkey

__all__ = ["LocalStack", "consumes"]

_SECRET = "sandbox"  # noqa: S105 - the sandbox takes any word; this one can't be mistaken
_CALLBACK_SECRET = "whsec_Y29udmV5b3ItbG9jYWwtc3RhY2stc2VjcmV0"  # noqa: S105 - of loopback alone
# A ping that comes before the worker listens is lost, and waited for in vain: so short ones first,
# and then such as a slow worker's answer needs.
_PINGS_S = (*(0.3,) * 20, 2.0)
_PROOF_S = "5"
_PROOF_CLOSED_S = "1"
# What the web process is told of the workers' settings: where things are, and no API secret.
_OF_WEB = (
    *("BROKER_URL", "REDIS_URL", "RESULT_BACKEND", "STORAGE_URL", "NAMESPACE"),
    *("WEBHOOK_KEY", "LINK_KEY", "LOG_FORMAT", "LOG_LEVEL"),
)


class LocalStack(Running):
    """Valkey, the sandbox, workers and, if wanted, `web` and Flower, on free loopback ports.

    Everything ends with the ``with`` block, also when the start fails half-way. On Linux it ends
    even when this process is killed. `local_stack.die_with_parent` says what threads must not do.

    Attributes:
        directory: Where data, logs and results lie.
        valkey: The broker, the ledger and the result backend.
        sandbox: The sandbox's process.
        workers: The workers' processes; each can be killed and started again.
        flower: Flower's process, None unless asked for.
        web: The web process, None unless asked for.
    """

    def __init__(
        self,
        *,
        workers: int = 1,
        pool: str = "threads",
        concurrency: int = 8,
        dialect: str = "auto",
        spacing: float = 0.2,
        flower: bool = False,
        web: bool = False,
        webhooks: bool = False,
        sandbox_options: Sequence[str] = (),
        settings: Mapping[str, str] | None = None,
        web_settings: Mapping[str, str] | None = None,
        directory: Path | None = None,
        valkey: Valkey | None = None,
        endpoints: Endpoints | None = None,
    ) -> None:
        """Prepare a stack; entering it starts it.

        Args:
            workers: How many worker processes.
            pool: Celery's pool, ``threads`` or ``prefork``.
            concurrency: The size of each worker's pool.
            dialect: Which of the service's dialects the workers speak.
            spacing: Seconds between two polls of a job.
            flower: Whether to start Flower.
            web: Whether to start the web process.
            webhooks: Whether the service shall call it when a job has ended.
            sandbox_options: More command-line options for the sandbox, faults for instance.
            settings: More settings for the workers, without prefix: ``{"LOG_LEVEL": "DEBUG"}``.
            web_settings: More settings for the web process, likewise.
            directory: Where data, logs and results lie; a temporary folder, removed at the end,
                unless given.
            valkey: A server that runs, for a stack that shares it with others; one of its own,
                unless given.
            endpoints: Ports and secrets; free ones and new ones, unless given.
        """
        super().__init__()
        self._temporary = None if directory else tempfile.TemporaryDirectory(prefix="conveyor-")
        self.directory = Path(self._temporary.name) if self._temporary else Path(directory or "")
        self.directory.mkdir(parents=True, exist_ok=True)
        self._at = endpoints or Endpoints.fresh()
        self._own_valkey = valkey is None
        self.valkey = valkey or Valkey(
            self.directory / "valkey", password=self._at.password, port=self._at.valkey
        )
        self._settings = {
            "API_URL": self.sandbox_url,
            "API_SECRET": _SECRET,
            "API_DIALECT": dialect,
            "BROKER_URL": self.broker_url,
            "REDIS_URL": self.broker_url,
            "RESULT_BACKEND": self.broker_url,
            "STORAGE_URL": self.storage_url,
            "POLL_SPACING_SECONDS": f"{spacing:g}",
            # No gateway holds a request here, unless a fault does: then above that.
            "PROOF_SECONDS": _PROOF_S,
            "PROOF_CLOSED_SECONDS": _PROOF_CLOSED_S,
            "POOL": pool,
            "CONCURRENCY": str(concurrency),
            "LOG_FORMAT": "console",
            "CALLBACK_SECRETS": _CALLBACK_SECRET,
            # Receivers of this machine are what a developer has.
            "CALLBACK_ALLOW_HTTP": "true",
            "CALLBACK_NETWORKS": "127.0.0.0/8",
            **(self._webhooks() if webhooks else {}),
            **(settings or {}),
        }
        self._web_settings = {
            **{name: self._settings[name] for name in _OF_WEB if name in self._settings},
            "WEB_PORT": str(self._at.web),
            **({"WEB_FLOWER_URL": self.flower_url} if flower else {}),
            **(web_settings or {}),
        }
        self.sandbox = self._child(
            "sandbox", commands.sandbox(self._at.sandbox, _SECRET, spacing, sandbox_options)
        )
        names = [f"worker-{number}" for number in range(1, workers + 1)]
        self.workers = tuple(self._child(name, commands.worker(self._node(name))) for name in names)
        self.flower = self._child("flower", commands.flower(self._at.flower)) if flower else None
        self.web = self._child("web", commands.web(), self._web_settings) if web else None

    @property
    def broker_url(self) -> str:
        """Valkey, password included."""
        return self.valkey.url()

    @property
    def sandbox_url(self) -> str:
        """The service's address."""
        return f"http://{LOOPBACK}:{self._at.sandbox}"

    @property
    def flower_url(self) -> str:
        """Flower's URL. It is served only if Flower was started."""
        return f"http://{LOOPBACK}:{self._at.flower}"

    @property
    def web_url(self) -> str:
        """The web process's URL. It is served only if that process was started."""
        return f"http://{LOOPBACK}:{self._at.web}"

    @property
    def storage_url(self) -> str:
        """The folder of sources and results."""
        return (self.directory / "files").absolute().as_uri()

    def settings(self) -> dict[str, str]:
        """The workers' settings by name, without the prefix."""
        return dict(self._settings)

    def environment(self) -> dict[str, str]:
        """The children's environment: this process's, with the settings above and no others."""
        return child_environment(self._settings)

    def conveyor(self) -> Conveyor:
        """A `Conveyor` as a web application has it. Close it yourself."""
        return Conveyor(
            broker_url=self._settings["BROKER_URL"],
            redis_url=self._settings["REDIS_URL"],
            result_backend=self._settings["RESULT_BACKEND"],
            storage_url=self._settings["STORAGE_URL"],
            namespace=self._settings.get("NAMESPACE"),
        )

    def processes(self) -> tuple[Child, ...]:
        """Every child, in the order of their start."""
        return (self.valkey.process, self.sandbox, *self._consumers())

    def start_web(self) -> None:
        """Start the web process, again after it was stopped or killed, and wait until it listens.

        Raises:
            LookupError: The stack was made without one.
        """
        if self.web is None:
            raise LookupError("this stack has no web process: LocalStack(web=True)")
        self.web.start()
        self._wait_web(self.web)

    def start_worker(self, worker: Child) -> None:
        """Start a worker, again after it was stopped or killed, and wait until it consumes."""
        worker.start()
        self._wait_worker(worker)

    def _start_in(self, running: ExitStack) -> None:
        if self._temporary:
            running.callback(self._temporary.cleanup)
        if self._own_valkey:
            running.callback(self.valkey.close)
            self.valkey.start()
        running.callback(self._stop_clients)
        self._start_clients()

    def _child(
        self, name: str, command: Sequence[str], settings: Mapping[str, str] | None = None
    ) -> Child:
        log = self.directory / f"{name}.log"
        env = child_environment(settings or self._settings)
        return Child(name, command, log=log, env=env, cwd=ROOT)

    def _webhooks(self) -> dict[str, str]:
        return {"WEBHOOK_URL": f"{self.web_url}/webhooks", "WEBHOOK_KEY": self._at.webhook_key}

    def _consumers(self) -> tuple[Child, ...]:
        """Whoever needs Valkey and the sandbox."""
        return (*self.workers, *filter(None, (self.web, self.flower)))

    def _start_clients(self) -> None:
        # All at once, then wait: importing takes each of them the most of a second.
        _valkey, *clients = self.processes()
        for child in clients:
            child.start()
        self.sandbox.wait_ready(lambda: "sandbox ready on" in self.sandbox.printed())
        for worker in self.workers:
            self._wait_worker(worker)
        if self.web:
            self._wait_web(self.web)
        if self.flower:
            self.flower.wait_ready(self._flower_answers)

    def _stop_clients(self) -> None:
        # Workers end warm, so the sandbox must still answer them, and Valkey all of them.
        for child in self._consumers():
            child.ask_to_end()
        for child in self._consumers():
            child.stop()
        self.sandbox.stop()

    def _node(self, name: str) -> str:
        """Stacks that share a server hear each other's workers: no two may have the same name."""
        return f"{name}@{self._settings.get('NAMESPACE', 'localhost')}"

    def _wait_worker(self, worker: Child) -> None:
        # By asking, not by its log: how much is logged is the caller's to set.
        with closing(self.conveyor()) as conveyor:
            worker.wait_ready(consumes(conveyor, self._node(worker.name)))

    def _wait_web(self, web: Child) -> None:
        web.wait_ready(lambda: "web ready on" in web.printed())

    def _flower_answers(self) -> bool:
        with closing(HTTPConnection(LOOPBACK, self._at.flower, timeout=1)) as connection:
            try:
                connection.request("GET", "/healthcheck")
                return connection.getresponse().status == HTTPStatus.OK
            except (OSError, HTTPException):
                return False


def consumes(conveyor: Conveyor, node: str) -> Callable[[], bool]:
    """What asks the worker of this node name whether it consumes, for `Child.wait_ready`."""
    patience_s = chain(_PINGS_S, repeat(_PINGS_S[-1]))
    control = conveyor.celery_app.control
    return lambda: bool(control.ping(destination=[node], timeout=next(patience_s)))
