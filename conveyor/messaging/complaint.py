"""What is wrong with one Celery setting of an application, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from conveyor.errors import SettingsError

__all__ = ["Complaint", "Complaints"]

_ELSEWHERE: Final = "or make Conveyor(broker_url=…) without celery_app"


@dataclass(frozen=True, slots=True)
class Complaint:
    """A setting that can't work.

    Attributes:
        name: The setting's.
        why: Why it can't, as the rest of a sentence that begins with it.
        remedy: What to do instead.
    """

    name: str
    why: str
    remedy: str

    def error(self) -> SettingsError:
        """The error that says so, in one line."""
        return SettingsError(
            f"{self.name} of the Celery app {self.why}: {self.remedy}, {_ELSEWHERE}."
        )


Complaints = Iterator[Complaint]
"""What a look at some settings finds."""
