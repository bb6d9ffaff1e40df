"""How long things may take, and which setting says so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from conveyor.convertapi.deadline import Deadline

__all__ = ["Timeouts"]

_ANSWER_SETTING: Final = "CONVEYOR_ANSWER_TIMEOUT_SECONDS"
_TRANSFER_SETTING: Final = "CONVEYOR_TRANSFER_TIMEOUT_SECONDS"
_SEMI_SETTING: Final = "CONVEYOR_SEMI_ASYNC_SECONDS and CONVEYOR_ANSWER_TIMEOUT_SECONDS"


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Bounds in seconds.

    Attributes:
        connect: To make a connection.
        read: Between two reads. Above 5 s plus what the service may hold a second poll for.
        total: For a whole exchange that brings an answer, its repeats included.
        transfer: For a whole upload or download.
    """

    connect: float
    read: float
    total: float
    transfer: float

    def answer_deadline(self, wait_s: float = 0) -> Deadline:
        """The bound of an exchange that brings an answer.

        Args:
            wait_s: Seconds that the service may take for it, above the usual.
        """
        setting = _SEMI_SETTING if wait_s else _ANSWER_SETTING
        return Deadline.after(self.total + wait_s, setting, wait_s)

    def transfer_deadline(self) -> Deadline:
        """The bound of an upload or a download."""
        return Deadline.after(self.transfer, _TRANSFER_SETTING)
