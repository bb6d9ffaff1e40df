"""Starts workers by fork: each begins where the imports have ended, which costs the most.

It reads orders, one JSON object a line, and answers each with a line:

``{"do": "run", "env": {…}, "log": …}``     a worker until it ends by itself → its exit status,
                                            or ``null`` where it had to be killed after 40 s
``{"do": "start", "env": {…}, "log": …}``   a worker → its pid
``{"do": "stop"}``                          kill that worker → ``null``

It runs no thread and opens no connection, so a child is as good as a process of its own.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from contextlib import suppress

import kombu.transport.redis  # noqa: F401 - loaded before the fork
import structlog  # noqa: F401 - loaded before the fork

import workers.start
import workers.wiring  # noqa: F401 - loaded before the fork
from local_stack.die_with_parent import tie_to

RUN_S = 40.0


def main():
    child = None
    for line in sys.stdin:
        order = json.loads(line)
        if order["do"] == "run":
            answer = _status(_fork(order))
        elif order["do"] == "start":
            answer = child = _fork(order)
        else:
            answer = child = _end(child)
        print(json.dumps(answer), flush=True)  # noqa: T201 - the answer
    if child is not None:
        _end(child)


def _fork(order):
    parent = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    try:
        tie_to(parent)
        _work(order)
    finally:
        os._exit(1)


def _work(order):
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    log = os.open(order["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.environ.update(order["env"])
    from crashing_app import app  # noqa: PLC0415 - it reads the settings

    quiet = ("--without-mingle", "--without-gossip", "--without-heartbeat")
    app.worker_main(["worker", "-n", f"w{os.getpid()}@localhost", *quiet])


def _status(pid):
    deadline = time.monotonic() + RUN_S
    while time.monotonic() < deadline:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.02)
    return _end(pid)


def _end(pid):
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


if __name__ == "__main__":
    main()
