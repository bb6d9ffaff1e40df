"""A part that is checked: what was found, bounded in time, and all parts side by side."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from threading import Thread
from typing import Final, TypeVar

from conveyor.errors import ConveyorError

__all__ = ["CHECK_TIMEOUT_S", "WORKER_TIMEOUT_S", "Check", "Finding", "Part", "begin", "check_all"]

CHECK_TIMEOUT_S: Final = 10.0
"""No part takes longer, seconds."""

WORKER_TIMEOUT_S: Final = 6.0
"""How long a worker may take to answer, seconds: its own checks end a second earlier."""

HERE: Final = "here"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found of a part that can be used.

    Attributes:
        detail: In words, without a secret.
        warning: Whether you should do something about it all the same.
    """

    detail: str
    warning: bool = False


@dataclass(frozen=True, slots=True)
class Check:
    """What was found of one part.

    Attributes:
        name: The part.
        ok: Whether it can be used.
        detail: What was found; where it failed, what to do. Holds no secret.
        where: Who looked: ``here``, or the worker's node name.
        warning: Whether it can be used, and you should do something about it all the same.
    """

    name: str
    ok: bool
    detail: str
    where: str = HERE
    warning: bool = False


Work = Callable[[], "str | Finding"]
"""Uses a part, and says what was found. It raises what it meets."""


class Part:
    """A part that Conveyor needs, which can be checked any number of times.

    A check that hangs is not started a second time, because each holds a thread.

    Args:
        name: What it is called.
        work: Uses it, and says what was found.
        explain: Words for errors that are not the library's own; None where it has none for one.
    """

    def __init__(
        self, name: str, work: Work, explain: Callable[[Exception], str | None] = lambda _: None
    ) -> None:
        self.name = name
        self._work = work
        self._explain = explain
        self._under_way: Future[str | Finding] | None = None

    def check(self, timeout_s: float = CHECK_TIMEOUT_S) -> Check:
        """Check it; not from two threads at once.

        Args:
            timeout_s: How long it may take, seconds.
        """
        return self.found(self.begin(), timeout_s, timeout_s)

    def begin(self) -> Future[str | Finding]:
        """Begin to check it, unless that is under way."""
        if self._under_way is None or self._under_way.done():
            self._under_way = begin(self._work)
        return self._under_way

    def found(self, outcome: Future[str | Finding], left_s: float, timeout_s: float) -> Check:
        """What a check that was begun has found.

        Args:
            outcome: From `begin`.
            left_s: How long it may still take, seconds.
            timeout_s: How long it had in all.
        """
        try:
            found = outcome.result(max(left_s, 0.0))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is what was found
            words = self._words_for(error) if outcome.done() else _hangs(timeout_s)
            return Check(self.name, ok=False, detail=words)
        if isinstance(found, str):
            found = Finding(found)
        return Check(self.name, ok=True, detail=found.detail, warning=found.warning)

    def _words_for(self, error: Exception) -> str:
        words = self._explain(error)
        if words is not None:
            return words
        if isinstance(error, ConveyorError):
            return str(error)
        # Its own text may hold an address or a password.
        return f"It can't be used ({type(error).__name__}). Check its log."


def check_all(parts: Sequence[Part], timeout_s: float = CHECK_TIMEOUT_S) -> list[Check]:
    """Check parts in parallel. One that hangs is reported and does not delay the others.

    Args:
        parts: The parts.
        timeout_s: How long all together may take, seconds.

    Returns:
        What was found of each, in their order.
    """
    deadline = time.monotonic() + timeout_s
    begun = [(part, part.begin()) for part in parts]
    return [part.found(outcome, deadline - time.monotonic(), timeout_s) for part, outcome in begun]


def _hangs(timeout_s: float) -> str:
    return (
        f"No answer within {timeout_s:g} s. It hangs. Check whether it is overloaded, or blocked "
        "by a firewall."
    )


ResultT = TypeVar("ResultT")


def begin(work: Callable[[], ResultT]) -> Future[ResultT]:
    """Begin work that may hang, in a thread that holds up neither us nor the process's end."""
    outcome: Future[ResultT] = Future()

    def run() -> None:
        """Do the work, and set what came of it."""
        try:
            outcome.set_result(work())
        except Exception as error:  # noqa: BLE001 - raised where it is awaited
            outcome.set_exception(error)

    Thread(target=run, daemon=True).start()
    return outcome
