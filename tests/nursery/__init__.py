"""Starts the stack's programs from a process that has imported them already.

A test run starts a few hundred workers, sandboxes and web processes. Each would import a thousand
modules, for a second of CPU. `Nursery.launch` forks them from a template instead (`template.py`).
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from local_stack import die_with_parent
from local_stack.environment import ROOT

_PROGRAMS = ("conveyor", "convertapi_sandbox", "web", "workers", "workers.flower")
# `workers.app`, and what wraps it.
_WORKERS = [
    ["-A", app]
    for app in ("workers.app", "chaos.worker_app", "crashing_app", "impatient_app", "sweepless_app")
]
# They change how Python itself starts, which a fork comes too late for.
_OF_PYTHON = ("PYTHON", "LD_")
_NO_MATTER = ("PYTHONPATH", "PYTHONUNBUFFERED")
_LOOK_EVERY_S = 0.02
_LONGEST_S = 120


class Nursery:
    """The template of this test process, started when it is first needed.

    Attributes:
        cold: Starts a program as a user starts it.
    """

    def __init__(self, cold):
        self.cold = cold
        self._template = None
        self._lock = threading.Lock()

    def launch(self, command, *, log, env, cwd):
        """Start a command as `local_stack.process.launch` does, one of our programs by fork.

        Args:
            command: Its command line.
            log: The file that takes what it prints.
            env: Its environment; this process's own unless given.
            cwd: Its folder; this process's own unless given.

        Returns:
            The process.
        """
        env = dict(os.environ if env is None else env)
        if not self._knows(command, env):
            return self.cold(command, log=log, env=env, cwd=cwd)
        return self._start(command, out=log, errors=log, env=env, cwd=cwd)

    def run(self, command, *, env, cwd=None):
        """Run a command to its end, one of our programs by fork, and without anything to read.

        Args:
            command: Its command line.
            env: Its environment.
            cwd: Its folder; this process's own unless given.

        Returns:
            As `subprocess.run` does, with what it printed as text.
        """
        if not self._knows(command, env):
            printed = {"capture_output": True, "text": True, "stdin": subprocess.DEVNULL}
            return subprocess.run(
                command, env=env, cwd=cwd, timeout=_LONGEST_S, check=False, **printed
            )
        with TemporaryDirectory(prefix="nursery-") as folder:
            out, errors = Path(folder, "out"), Path(folder, "errors")
            born = self._start(command, out=out, errors=errors, env=env, cwd=cwd)
            try:
                status = born.wait(_LONGEST_S)
            except BaseException:
                os.killpg(born.pid, signal.SIGKILL)
                raise
            return subprocess.CompletedProcess(command, status, out.read_text(), errors.read_text())

    def _knows(self, command, env):
        return _is_ours(command) and _of_python(env) == _of_python()

    def _start(self, command, *, out, errors, env, cwd):
        for printed in {out, errors}:
            printed.touch()
        order = {"argv": command[2:], "env": dict(env), "cwd": str(cwd or "")}
        return Born(self, self.ask(do="start", out=str(out), errors=str(errors), **order))

    def ask(self, **order):
        """The template's answer to an order."""
        with self._lock:
            template = self._running()
            template.stdin.write(f"{json.dumps(order)}\n")
            template.stdin.flush()
            answer = template.stdout.readline()
        if not answer:
            raise ChildProcessError("the template of the stack's programs has ended")
        return json.loads(answer)

    def close(self):
        """End the template; what it has started ends with it."""
        if self._template is not None:
            self._template.stdin.close()
            self._template.stdout.close()
            self._template.wait(30)

    def _running(self):
        if self._template is None:
            program = [sys.executable, "-m", "tests.nursery.template"]
            tied = [sys.executable, "-I", "-S", die_with_parent.__file__, str(os.getpid())]
            self._template = subprocess.Popen(
                [*tied, *program],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                cwd=ROOT,
                process_group=0,
            )
        return self._template


class Born:
    """A child of the template, with what `Child` needs of a `subprocess.Popen`.

    Attributes:
        pid: Its process id.
        returncode: Its exit status, None while it runs.
    """

    def __init__(self, nursery, pid):
        self._nursery = nursery
        self.pid = pid
        self.returncode = None

    def poll(self):
        """Its exit status, None while it runs."""
        if self.returncode is None:
            self.returncode = self._nursery.ask(do="poll", pid=self.pid)
        return self.returncode

    def wait(self, timeout=None):
        """Its exit status, waited for."""
        until = None if timeout is None else time.monotonic() + timeout
        while self.poll() is None:
            if until is not None and time.monotonic() > until:
                raise subprocess.TimeoutExpired("a program of the stack", timeout)
            time.sleep(_LOOK_EVERY_S)
        return self.returncode


def _is_ours(command):
    """Whether it starts a program of ours: an application's would find ours loaded beside it."""
    python, minus_m, module, *options = (*command, "", "", "")
    ours = module in _PROGRAMS or (module == "celery" and options[:2] in _WORKERS)
    return (python, minus_m) == (sys.executable, "-m") and ours


def _of_python(env=os.environ):
    return {
        name: value
        for name, value in env.items()
        if name.startswith(_OF_PYTHON) and name not in _NO_MATTER
    }
