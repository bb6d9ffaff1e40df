"""Something that a ``with`` block starts and ends, all of it or nothing."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import ExitStack
from types import TracebackType
from typing import Self

__all__ = ["Running"]


class Running(ABC):
    """Parts that start together, and end together in the opposite order.

    If one of them can't start, those before it end.
    """

    def __init__(self) -> None:
        self._running = ExitStack()

    @abstractmethod
    def _start_in(self, running: ExitStack) -> None:
        """Start all parts.

        Args:
            running: Takes how each part ends.
        """

    def __enter__(self) -> Self:
        with ExitStack() as running:
            self._start_in(running)
            self._running = running.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._running.close()
