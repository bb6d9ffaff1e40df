"""Hosts' clocks that are wrong: libfaketime, loaded into a process before anything else.

Its wall clock is off; its monotonic clock, and with that every time-out, is not.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from local_stack.process import StartError

__all__ = ["shifted"]

_HERE: Final = Path(__file__).parent
_ROOT: Final = Path("/usr/lib")
# Beside it lies another for processes with threads; in a folder of the machine's kind.
_LIBRARY: Final = "faketime/libfaketimeMT.so.1"


def shifted(seconds: int) -> Mapping[str, str]:
    """The environment of a process whose clock is off.

    Args:
        seconds: By how much: below zero it is behind.

    Returns:
        Variables, none where the clock is right.

    Raises:
        StartError: libfaketime is not installed.
    """
    if not seconds:
        return {}
    return {
        "LD_PRELOAD": str(_library()),
        "FAKETIME": f"{seconds:+d}s",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        # There lies `sitecustomize`, which Python imports before anything else.
        "PYTHONPATH": str(_HERE),
    }


def _library() -> Path:
    for found in (*_ROOT.glob(_LIBRARY), *_ROOT.glob(f"*/{_LIBRARY}")):
        return found
    raise StartError("libfaketime is not installed. On Debian and Ubuntu: apt-get install faketime")
