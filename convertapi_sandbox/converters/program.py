"""Runs a converter's program: bounded in time, with nothing of our environment."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from convertapi_sandbox.errors import conversion_error

__all__ = ["Finished", "kill_all", "run", "run_python"]

# Our own programs, run by path: each imports one library and nothing of this package.
_PROGRAMS: Final = Path(__file__).parent.parent / "programs"
# How much of a program's complaint is shown to the client.
_MAX_COMPLAINT_CHARACTERS: Final = 300


@dataclass(frozen=True)
class Finished:
    """A program that ended by itself.

    Args:
        status: Its exit status.
        output: What it wrote to its standard output.
        complaint: The end of what it wrote to its standard error.
    """

    status: int
    output: bytes
    complaint: str


def run(command: Sequence[str], *, folder: Path, timeout_s: float, stdin: bytes = b"") -> Finished:
    """Run a program to its end.

    Args:
        command: The program and its arguments.
        folder: Its working directory, home and place for temporary files.
        timeout_s: After which it and its children are killed.
        stdin: What it reads.

    Raises:
        ApiError: 5000, it did not end in time.
    """
    process = subprocess.Popen(  # noqa: S603 - the commands are ours, documents are mere files
        command,
        cwd=folder,
        env=_environment(folder),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    _live.add(process)
    try:
        output, errors = process.communicate(stdin, timeout=timeout_s)
    except subprocess.TimeoutExpired:
        _end(process)
        process.communicate()
        raise conversion_error(5000) from None
    finally:
        _end(process)
    complaint = errors.decode(errors="replace").strip()
    return Finished(process.returncode, output, complaint[-_MAX_COMPLAINT_CHARACTERS:])


def run_python(
    name: str, arguments: Sequence[str], *, folder: Path, timeout_s: float, stdin: bytes = b""
) -> Finished:
    """Run one of our own programs, see `run`.

    Args:
        name: Its file name within `_PROGRAMS`.
        arguments: Its arguments.
        folder: Its working directory.
        timeout_s: After which it is killed.
        stdin: What it reads.
    """
    # -I: neither the working directory nor PYTHON* variables may change what is imported.
    command = [sys.executable, "-I", str(_PROGRAMS / name), *arguments]
    return run(command, folder=folder, timeout_s=timeout_s, stdin=stdin)


def _environment(folder: Path) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT") if name in os.environ}
    return {**kept, "HOME": str(folder), "TMPDIR": str(folder), "LANG": "C.UTF-8"}


# Sets change atomically; the threads of an engine come and go here.
_live: set[subprocess.Popen[bytes]] = set()


def kill_all() -> None:
    """Kill every program that still runs, so that nothing outlives this process."""
    for process in tuple(_live):
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    _live.discard(process)
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
