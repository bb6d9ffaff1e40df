"""A child process: started, watched until it's ready, ended by its pid, its output in a file."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from local_stack import die_with_parent

__all__ = ["Child", "StartError", "launch"]

_LOOK_EVERY_S = 0.05
_TAIL_LINES = 15


class StartError(Exception):
    """A part of the local stack did not start; the message says which, and what it printed last."""


def launch(
    command: Sequence[str], *, log: Path, env: Mapping[str, str] | None, cwd: Path | None
) -> subprocess.Popen[bytes]:
    """Start a command in a process group of its own, tied to this process.

    Args:
        command: Its command line.
        log: The file that takes what it prints, at its end.
        env: Its environment; this process's own unless given.
        cwd: Its folder; this process's own unless given.

    Returns:
        The process.
    """
    tied = (sys.executable, "-I", "-S", die_with_parent.__file__, str(os.getpid()), *command)
    with log.open("ab") as printed:
        return subprocess.Popen(  # noqa: S603 - the stack's own command lines
            tied,
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=subprocess.STDOUT,
            env=env,
            cwd=cwd,
            process_group=0,
        )


class Child:
    """A child process in a process group of its own.

    The group keeps a terminal's Ctrl-C away from it: who started it ends it, in the right order.
    It can be started again after it has ended, with the same command and the same log.

    Attributes:
        name: What messages call it.
        log: The file that takes what it prints.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        log: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> None:
        self.name = name
        self.log = log
        self._command = tuple(command)
        self._env = env
        self._cwd = cwd
        self._process: subprocess.Popen[bytes] | None = None
        self._log_start = 0
        self._asked = False

    @property
    def pid(self) -> int:
        """Its process id.

        Raises:
            ProcessLookupError: It has not been started.
        """
        if self._process is None:
            raise ProcessLookupError(f"{self.name} has not been started")
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether the process is running."""
        return self._process is not None and self._process.poll() is None

    @property
    def exit_status(self) -> int | None:
        """Its exit status, the negative signal number if one ended it, None while it runs."""
        return None if self._process is None else self._process.poll()

    def start(self) -> None:
        """Start it, and return at once: `wait_ready` waits."""
        self._log_start = self.log.stat().st_size if self.log.exists() else 0
        self._asked = False
        self._process = launch(self._command, log=self.log, env=self._env, cwd=self._cwd)

    def wait_ready(self, is_ready: Callable[[], bool], timeout_s: float = 180.0) -> None:
        """Wait until it's ready.

        Args:
            is_ready: Asked again and again; cheap.
            timeout_s: How long.

        Raises:
            StartError: It ended, or the time is over.
        """
        deadline = time.monotonic() + timeout_s
        while True:
            # Looked at before the question: what it did last, a child may have done before its end.
            has_ended = not self.is_running
            if is_ready():
                return
            if has_ended:
                raise StartError(self.explain(f"ended with status {self.exit_status}"))
            if time.monotonic() > deadline:
                raise StartError(self.explain(f"was not ready after {timeout_s:g} s"))
            time.sleep(_LOOK_EVERY_S)

    def printed(self) -> str:
        """The process's output since its last start."""
        with self.log.open("rb") as log:
            log.seek(self._log_start)
            return log.read().decode(errors="replace")

    def ask_to_end(self) -> None:
        """Send it SIGTERM, once: to some programs a second one means something else.

        The signal goes to the process, not to its group: a prefork worker's children must finish
        what they do.
        """
        if self.is_running and not self._asked:
            self._asked = True
            os.kill(self.pid, signal.SIGTERM)

    def stop(self, grace_s: float = 30.0) -> None:
        """Ask it to end, wait, and kill it with its group when the time is over."""
        if self._process is None:
            return
        self.ask_to_end()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(grace_s)
        self.kill()

    def kill(self) -> None:
        """Kill it and its group, and wait for its end."""
        if self._process is None:
            return
        with suppress(ProcessLookupError, PermissionError):  # nobody is left in the group
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def explain(self, what: str) -> str:
        """Say what it did, with the end of what it printed."""
        lines = self.printed().splitlines()[-_TAIL_LINES:]
        return "\n  ".join([f"{self.name} {what}; it printed last:", *lines])
