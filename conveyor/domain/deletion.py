"""`Deletion`: what is still known of a conversion that was deleted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from conveyor.domain.shapes import as_fields

__all__ = ["Deletion"]


@dataclass(frozen=True, slots=True)
class Deletion:
    """A conversion that was deleted with all that it left. It is known for 7 days.

    Attributes:
        id: The conversion's id.
        deleted_at: When its deletion was asked for, seconds since the epoch.
        erased_at: When nothing of it was left any more, in the storage, at ConvertAPI and among
            Celery's results; None while workers are at it.
    """

    id: str
    deleted_at: float
    erased_at: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return as_fields(self)
