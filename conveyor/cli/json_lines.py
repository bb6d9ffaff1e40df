"""``--json``: one JSON object a line. The result is on standard output, all else on stderr.

==================  ====================================================================
a line on stderr    meaning
==================  ====================================================================
``{"error": …}``    what failed, with the exit ``status``; of a conversion its id, too
``{"note": …}``     what a person would read there
==================  ====================================================================
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import takewhile
from typing import Any, Final

__all__ = ["asked_by", "is_wanted", "put", "put_aside"]

# Also of a command line that can't be parsed: its error is JSON, too.
_wanted: Final = ContextVar("_wanted", default=False)


@contextmanager
def asked_by(arguments: Sequence[str]) -> Iterator[None]:
    """Print JSON inside, where a command line asks for it.

    Args:
        arguments: The words after the program's name.
    """
    token = _wanted.set("--json" in takewhile(lambda word: word != "--", arguments))
    try:
        yield
    finally:
        _wanted.reset(token)


def is_wanted() -> bool:
    """Whether the command line that runs asks for JSON."""
    return _wanted.get()


def put(plain: Mapping[str, Any]) -> None:
    """Print an object on standard output.

    Args:
        plain: Plain values by stable names.
    """
    sys.stdout.write(json.dumps(plain) + "\n")
    # Whoever reads line by line gets each as it comes.
    sys.stdout.flush()


def put_aside(plain: Mapping[str, Any]) -> None:
    """Print an object on standard error.

    Args:
        plain: Plain values by stable names.
    """
    sys.stderr.write(json.dumps(plain) + "\n")
