"""``conveyor worker``, and ``python -m workers`` in a checkout: a worker, until a signal.

``celery -A workers.app worker`` starts the same. But Celery's command loads all commands there are
with it, Flower's plugin among them, which takes a third of the start.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from copy import copy
from typing import Any, Final, NoReturn

import click
from celery.bin.base import CLIContext
from celery.bin.worker import worker

__all__ = ["main"]

_NAME: Final = "conveyor worker"
_WRONG: Final = 2
_HELP: Final = """Run a worker until SIGTERM, which lets it finish what it does.

Queues, pool and size come from the settings. The options below are Celery's: you may need -n, a
name of its own for the second worker of a host, and -Q, some of the queues.
"""
# A process manager starts it, sees its end and takes its log.
_LEFT_OUT: Final = frozenset({"detach", "executable"})
# As under Celery's own command: CELERY_WORKER_HOSTNAME is an option, too.
_ENVIRONMENT: Final = "CELERY_WORKER"


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the worker.

    Args:
        arguments: The options of ``celery worker``; this process's own unless given.

    Raises:
        SystemExit: It has ended (0), failed (1), or can't be right (2): a line says why.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    command = copy(worker)
    command.help = _HELP
    command.params = [option for option in worker.params if option.name not in _LEFT_OUT]
    try:
        _run(command, given)
    except click.ClickException as error:
        _end(f"{error.format_message()} See {_NAME} --help")
    except click.exceptions.Exit as end:
        sys.exit(end.exit_code)
    except SystemExit as end:
        # A setting is wrong, or a server set up so that no worker can work.
        if isinstance(end.code, str):
            _end(end.code.removeprefix("error: "))
        raise
    sys.exit(0)


def _run(command: click.Command, arguments: list[str]) -> None:
    # Help needs no settings.
    app = None if "--help" in arguments else _load_app()
    standing = CLIContext(app=app, no_color=None, workdir=None)
    with command.make_context(
        _NAME, arguments, obj=standing, auto_envvar_prefix=_ENVIRONMENT
    ) as context:
        command.invoke(context)


def _load_app() -> Any:
    """Load what the tasks import, too. Its settings are read now: a wrong one ends the process."""
    return importlib.import_module("workers.app").app


def _end(message: str) -> NoReturn:
    sys.stderr.write(f"error: {message}\n")
    sys.exit(_WRONG)


if __name__ == "__main__":
    main()
