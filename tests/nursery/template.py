"""A process that has imported what the stack's programs import, and starts them by fork.

A program then begins where its imports have ended: they cost more CPU than most of what follows.
It is a process of its own all the same, with its own environment, folder, arguments, streams and
group, and runs the module that ``python -m`` would run.

It reads orders, one JSON object a line, and answers each with a line:

``{"do": "start", "argv": […], "env": {…}, "cwd": …, "out": …, "errors": …}``    start it → its pid
``{"do": "poll", "pid": …}``    → its exit status, or ``null`` while it runs

It runs no thread, opens no connection and reads no settings.
"""

from __future__ import annotations

import gc
import json
import os
import runpy
import sys
from contextlib import suppress
from pathlib import Path

import celery.bin.celery
import kombu.transport.redis

import convertapi_sandbox.cli
import conveyor.cli.app
import web.server
import web.wiring
import workers.start
import workers.wiring
from local_stack.die_with_parent import tie_to

LOADED = (
    celery.bin.celery,
    kombu.transport.redis,
    convertapi_sandbox.cli,
    conveyor.cli.app,
    web.server,
    web.wiring,
    workers.start,
    workers.wiring,
)


def main():
    # A look of the collector's would copy the pages that the children share.
    gc.freeze()
    ended = {}
    for line in sys.stdin:
        order = json.loads(line)
        if order["do"] == "start":
            answer = start(order)
            ended.pop(answer, None)
        else:
            answer = poll(order["pid"], ended)
        sys.stdout.write(f"{json.dumps(answer)}\n")
        sys.stdout.flush()


def start(order):
    """The child's pid. The child itself never returns: it ends as the program does."""
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        tie_to(parent)
        _lead_a_group(0)
        _take_over(order)
        runpy.run_module(order["argv"][0], run_name="__main__", alter_sys=True)
        sys.exit()
    _lead_a_group(pid)
    return pid


def _lead_a_group(pid):
    """Both sides do it, because either may be first."""
    with suppress(OSError):  # the child is gone
        os.setpgid(pid, 0)


def poll(pid, ended):
    if pid not in ended:
        gone, status = os.waitpid(pid, os.WNOHANG)
        if not gone:
            return None
        ended[pid] = os.waitstatus_to_exitcode(status)
    return ended[pid]


def _take_over(order):
    """The program's streams, environment, folder and arguments in the place of the template's."""
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for stream, name in ((1, "out"), (2, "errors")):
        os.dup2(os.open(order[name], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), stream)
    os.environ.clear()
    os.environ.update(order["env"])
    sys.stdout.reconfigure(write_through="PYTHONUNBUFFERED" in os.environ)
    if order["cwd"]:
        os.chdir(order["cwd"])
    paths = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    sys.path[:0] = [str(Path.cwd()), *filter(None, paths)]
    sys.argv = order["argv"]


if __name__ == "__main__":
    main()
