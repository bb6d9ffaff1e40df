"""What an error looks like on the command line: one line, and an exit status.

======  ==========================================================
status  meaning
======  ==========================================================
0       done
1       failed: a conversion, or a part that Conveyor stands on; cancelled; the
        account is on hold
2       the command, the request or a setting is wrong
3       still converting when ``--timeout`` was over
130     interrupted by Ctrl-C
======  ==========================================================
"""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from typing import Final

from conveyor.cli.text import one_line
from conveyor.errors import (
    ConversionCancelled,
    ConversionFailed,
    ConveyorError,
    InvalidRequest,
    SettingsError,
    WaitTimeout,
)

__all__ = ["Explanation", "Interrupted", "MissingExtra", "explain"]

_FAILED: Final = 1
_WRONG: Final = 2
_NOT_YET: Final = 3
_INTERRUPTED: Final = 130  # 128 + SIGINT, as shells have it


class Interrupted(Exception):  # noqa: N818 - no error: the user's wish
    """The user pressed Ctrl-C. The message says what keeps running."""


class MissingExtra(ConveyorError):  # noqa: N818 - reads as the sentence it stands for
    """A command needs a package that is not installed; the message says how to install it."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """How a command ends that has failed.

    Attributes:
        line: What went wrong, without secrets and control characters.
        status: The exit status.
    """

    line: str
    status: int


def explain(error: Exception) -> Explanation:
    """Say in one line what went wrong, and with which exit status to end.

    Args:
        error: Anything that a command raised.
    """
    return Explanation(one_line(_describe(error)), _status_of(error))


def _status_of(error: Exception) -> int:
    match error:
        case WaitTimeout():
            return _NOT_YET
        case InvalidRequest() | SettingsError() | MissingExtra():
            return _WRONG
        case Interrupted():
            return _INTERRUPTED
        case _:
            return _FAILED


def _describe(error: Exception) -> str:
    if isinstance(error, ConversionFailed) and not isinstance(error, ConversionCancelled):
        return f"{error} See: conveyor dead show {error.conversion_id}"
    if isinstance(error, ConveyorError | Interrupted):
        return str(error)
    # Its text may hold what nobody may see (invariant I5): say what and where alone.
    last = traceback.extract_tb(error.__traceback__)[-1:]
    where = "".join(f" in {frame.name}, line {frame.lineno}" for frame in last)
    return f"unexpected {type(error).__name__}{where}: this is a bug in Conveyor, please report it."
