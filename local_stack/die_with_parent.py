"""Become another program, tied to the parent: on Linux it's killed when the parent ends.

`local_stack.process` runs it: ``python -I -S die_with_parent.py PARENT_PID PROGRAM ARG…``. A
script of its own, because asking for the signal between fork and exec would run Python in the
child of a process that has threads.

The kernel counts the *thread* that started a child as its parent: start children from a thread
that lives as long as they shall.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # <linux/prctl.h>


def tie_to(parent_pid: int) -> None:
    """Have this process killed when its parent ends; elsewhere than on Linux do nothing."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent_pid:  # it ended before we asked
        sys.exit("the parent has ended")


def main(arguments: list[str]) -> None:
    """Tie this process to its parent and become the program."""
    parent_pid, *command = arguments
    tie_to(int(parent_pid))
    try:
        os.execvp(command[0], command)  # noqa: S606 - becoming another program is the point
    except OSError as error:
        sys.exit(f"can't run {command[0]}: {error.strerror}")


if __name__ == "__main__":
    main(sys.argv[1:])
