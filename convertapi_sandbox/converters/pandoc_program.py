"""pandoc as a program, kept from files and network."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pypandoc

from convertapi_sandbox.converters.model import Task
from convertapi_sandbox.converters.program import Finished, run
from convertapi_sandbox.errors import conversion_error

__all__ = ["run_pandoc"]

# pandoc's exit statuses for input that it cannot read (its MANUAL, "Exit codes").
_UNREADABLE: Final = frozenset({63, 64, 91, 92})


def run_pandoc(task: Task, arguments: Sequence[str], stdin: str = "") -> Finished:
    """Run pandoc, kept from files and network.

    Args:
        task: Whose folder it works in.
        arguments: Its arguments.
        stdin: What it reads.

    Raises:
        ApiError: 5000, it took too long; 5001, it failed; 5002, it cannot read the document.
    """
    finished = run(
        # --sandbox: a document may name files and addresses, pandoc must not read them.
        [_pandoc_path(), "--sandbox", "--quiet", *arguments],
        folder=task.folder,
        timeout_s=task.timeout_s,
        stdin=stdin.encode(),
    )
    if finished.status in _UNREADABLE:
        raise conversion_error(5002, "It is not a document of the stated format.")
    if finished.status:
        raise conversion_error(5001)
    return finished


@functools.cache
def _pandoc_path() -> str:
    return str(Path(pypandoc.get_pandoc_path()).resolve())
