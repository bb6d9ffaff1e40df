"""What ``conveyor doctor --live`` is asked for. It loads nothing: other commands start fast."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

__all__ = ["Wishes"]


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """The command's options.

    Attributes:
        spend: Conversions that may be paid for.
        record: Where the recording goes, None for a name of its own.
        force: Whether a file that is there is replaced.
        webhook: Where the service reaches this machine, empty for nowhere.
        listen: The port where its calls arrive, 0 for the address's own.
    """

    spend: int = 0
    record: Path | None = None
    force: bool = False
    webhook: str = ""
    listen: int = 0
