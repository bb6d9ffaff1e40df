"""How a case ended: what was broken, in figures and in words."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["Verdict"]


@dataclass(frozen=True)
class Verdict:
    """A case's end.

    Attributes:
        case: Its name.
        dialect: In which it ran.
        conversions: How many were in flight when the fault struck.
        lost: Whose caller never learnt the outcome, or learnt two different ones.
        duplicates: Conversions that were paid again.
        violations: Polls that overlapped, or came too early.
        mistold: Conversions that are called paid or unpaid, and are not.
        late: Conversions that ended after their deadline.
        recovered_s: From the fault's end to the last outcome; None if one never came.
        broken: Further promises that were broken, in words.
        notes: Figures that belong to the case.
    """

    case: str
    dialect: str
    conversions: int
    lost: int
    duplicates: int = 0
    violations: int = 0
    mistold: int = 0
    late: int = 0
    recovered_s: float | None = None
    broken: tuple[str, ...] = field(default=())
    notes: tuple[str, ...] = field(default=())

    @property
    def is_kept(self) -> bool:
        """Whether every promise was kept."""
        figures = (self.lost, self.duplicates, self.violations, self.mistold, self.late)
        return not (any(figures) or self.broken)
