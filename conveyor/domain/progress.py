"""The records of what goes on: a conversion's changes of state, and how far it has come."""

from __future__ import annotations

from dataclasses import dataclass

from conveyor.domain.conversion import State

__all__ = ["Event", "Progress"]


@dataclass(frozen=True, slots=True)
class Event:
    """A change of state, or of what holds a conversion up.

    Attributes:
        id: Its place in the conversion's history: ``events(after=id)`` goes on after it.
        conversion_id: The conversion's id.
        state: The state that was entered.
        at: When, seconds since the epoch.
        note: What holds it up, in words; empty when all goes well.
    """

    id: str
    conversion_id: str
    state: State
    at: float
    note: str = ""


@dataclass(frozen=True, slots=True)
class Progress:
    """A conversion's progress.

    Attributes:
        state: Its state.
        polls: How often the service was asked.
        elapsed_s: Seconds since it was accepted.
        expected_s: Seconds that half of such conversions took lately at the service, None while
            unknown.
        fraction: An estimate from 0 to 1 that never goes back while it converts. 1 only when it has
            succeeded, None while unknown, and where it takes longer than usual.
        note: What holds it up, in words; empty when all goes well.
        held: Whether the account is on hold: it goes on when somebody has repaired that.
        late: Whether it takes longer than usual: nine of ten such conversions had ended by now.
    """

    state: State
    polls: int
    elapsed_s: float
    expected_s: float | None
    fraction: float | None
    note: str = ""
    held: bool = False
    late: bool = False
