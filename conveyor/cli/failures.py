"""What an error looks like on the command line: one line, and an exit status.

With ``--json`` the line is an object.

======  ==========================================================
status  meaning
======  ==========================================================
0       done
1       failed: a conversion, one of many, or a part that Conveyor stands on;
        cancelled; the account is on hold
2       the command, the request or a setting is wrong: nothing was paid
3       still converting when ``--timeout`` was over
130     interrupted by Ctrl-C
======  ==========================================================
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from conveyor.cli import json_lines, usage
from conveyor.cli.text import one_line
from conveyor.errors import (
    ConversionCancelled,
    ConversionFailed,
    ConveyorError,
    InvalidRequest,
    SettingsError,
    WaitTimeout,
)

__all__ = [
    "INTERRUPTED",
    "Explanation",
    "Interrupted",
    "MissingExtra",
    "StillConverting",
    "explain",
    "tell",
]

_FAILED: Final = 1
_WRONG: Final = 2
_NOT_YET: Final = 3
INTERRUPTED: Final = 130
"""The exit status after Ctrl-C: 128 + SIGINT, as shells have it."""


class Interrupted(Exception):  # noqa: N818 - no error: the user's wish
    """The user pressed Ctrl-C.

    Args:
        message: What keeps running.
        conversions: The ids of what keeps running.
    """

    def __init__(self, message: str, conversions: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.conversions = tuple(conversions)


class StillConverting(WaitTimeout):
    """The time is over, and conversions keep running.

    Args:
        message: Which.
        conversions: Their ids.
    """

    def __init__(self, message: str, conversions: Sequence[str]) -> None:
        super().__init__(message)
        self.conversions = tuple(conversions)


class MissingExtra(ConveyorError):  # noqa: N818 - reads as the sentence it stands for
    """A command needs a package that is not installed; the message says how to install it."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """How a command ends that has failed.

    Attributes:
        line: What went wrong, without secrets and control characters.
        status: The exit status.
        more: What a program may want to know beside it, by name.
    """

    line: str
    status: int
    more: Mapping[str, Any] = field(default_factory=dict)


def explain(error: Exception) -> Explanation:
    """Say in one line what went wrong, and with which exit status to end.

    Args:
        error: Anything that a command raised.
    """
    return Explanation(one_line(_describe(error)), _status_of(error), _more(error))


def tell(
    explained: Explanation,
    subject: str = "",
    say: Callable[[str], None] | None = None,
    **more: Any,
) -> None:
    """Print an error on standard error, in one line.

    Args:
        explained: From `explain`.
        subject: What has failed, where there are several.
        say: Prints the line, where there is more on the screen than lines.
        more: What else a program may want to know, by name: JSON alone has it.
    """
    if json_lines.is_wanted():
        plain = {"error": explained.line, "status": explained.status}
        json_lines.put_aside({**plain, **explained.more, **more})
    else:
        line = f"error: {one_line(subject)}{': ' if subject else ''}{explained.line}"
        (say or _print)(line)


def _print(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def _more(error: Exception) -> dict[str, Any]:
    if isinstance(error, ConversionFailed):
        return {
            "conversion": error.conversion_id,
            "kind": error.kind,
            "reason": error.reason.value,
            "code": error.code,
        }
    if isinstance(error, Interrupted | StillConverting) and error.conversions:
        return {"conversions": list(error.conversions)}
    return {}


def _status_of(error: Exception) -> int:
    if usage.is_usage(error):
        return _WRONG
    match error:
        case WaitTimeout():
            return _NOT_YET
        case InvalidRequest() | SettingsError() | MissingExtra():
            return _WRONG
        case Interrupted():
            return INTERRUPTED
        case _:
            return _FAILED


def _describe(error: Exception) -> str:
    if usage.is_usage(error):
        return usage.sentence(error)
    if isinstance(error, ConversionFailed) and not isinstance(error, ConversionCancelled):
        return f"{error} See: conveyor dead show {error.conversion_id}"
    if isinstance(error, ConveyorError | Interrupted):
        return str(error)
    # Its text may hold what nobody may see (invariant I5): say what and where alone.
    last = traceback.extract_tb(error.__traceback__)[-1:]
    where = "".join(f" in {frame.name}, line {frame.lineno}" for frame in last)
    return f"unexpected {type(error).__name__}{where}: this is a bug in Conveyor, please report it."
