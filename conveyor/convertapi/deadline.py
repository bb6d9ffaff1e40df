"""When something has taken too long: one bound for all that an exchange asks."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final

from conveyor.convertapi.errors import Overdue

__all__ = ["Deadline"]

_LEAST_S: Final = 0.001


@dataclass(frozen=True, slots=True)
class Deadline:
    """When something has taken too long.

    Attributes:
        total_s: How long it may take, seconds.
        setting: The environment variable that sets this.
        until: The end, on this process's monotonic clock.
        begin_until: The end of the time in which a request may begin to go out. A process that was
            stopped for longer has been taken for dead, and others have done its work.
    """

    total_s: float
    setting: str
    until: float
    begin_until: float

    @classmethod
    def after(cls, total_s: float, setting: str, wait_s: float = 0) -> Deadline:
        """A deadline from now on.

        Args:
            total_s: How long it may take, seconds.
            setting: The environment variable that sets this.
            wait_s: How much of that the answer may take after the request, seconds.
        """
        until = time.monotonic() + total_s
        return cls(total_s, setting, until, until - wait_s)

    @property
    def left_s(self) -> float:
        """Seconds that are left, always more than 0."""
        return max(_LEAST_S, self.until - time.monotonic())

    @property
    def is_over(self) -> bool:
        """Whether the deadline has passed."""
        return time.monotonic() >= self.until

    @property
    def is_late_to_begin(self) -> bool:
        """Whether it is too late for a request to begin to go out."""
        return time.monotonic() >= self.begin_until

    def overdue(self) -> Overdue:
        """The error to raise at its end."""
        return Overdue(f"the answer was not whole after {self.total_s:g} s ({self.setting})")
