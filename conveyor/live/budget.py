"""How many conversions may be paid for: counted before each POST, and never given back."""

from __future__ import annotations

from threading import Lock

from conveyor.errors import ConveyorError

__all__ = ["Budget", "BudgetSpent"]


class BudgetSpent(ConveyorError):  # noqa: N818 - reads as the sentence it stands for
    """Another conversion would be one too many. Nothing was sent."""


class Budget:
    """The conversions that a run may pay for. Safe for threads.

    Whatever becomes of a POST, it counts: a lost answer may have been charged.

    Args:
        allowed: How many, 0 or more.
    """

    def __init__(self, allowed: int) -> None:
        if allowed < 0:
            raise ValueError("a budget is 0 conversions or more")
        self._allowed = allowed
        self._spent = 0
        self._closed = False
        self._lock = Lock()

    @property
    def allowed(self) -> int:
        """How many may be paid for."""
        return self._allowed

    @property
    def spent(self) -> int:
        """How many may have been paid for."""
        return self._spent

    @property
    def left(self) -> int:
        """How many may still be paid for."""
        return 0 if self._closed else max(0, self._allowed - self._spent)

    @property
    def is_closed(self) -> bool:
        """Whether something that must be free was not refused, so that no POST follows."""
        return self._closed

    def take(self) -> None:
        """Count one conversion, before its POST is sent.

        Raises:
            BudgetSpent: There is none left.
        """
        with self._lock:
            if self.left < 1:
                raise BudgetSpent("The conversions that may be spent are used up.")
            self._spent += 1

    def close(self, *, charged: bool) -> None:
        """Permit no other conversion, because one that had to be refused was not.

        Args:
            charged: Whether its answer speaks of a job or a result, so that it counts.
        """
        with self._lock:
            self._spent += charged
            self._closed = True
