"""Estimates how far a conversion is, from what was expected when it was submitted."""

from __future__ import annotations

from typing import Final

from conveyor.domain.conversion import State
from conveyor.domain.durations import Expectation
from conveyor.domain.progress import Progress
from conveyor.ledger import Entry

__all__ = ["progress_of"]

# Until it has succeeded nobody knows that it is done.
_ALMOST: Final = 0.95
# What is told of a conversion at the age at which nine of ten have ended.
_MOST: Final = 0.9


def progress_of(entry: Entry, expectation: Expectation | None) -> Progress:
    """Estimate how far a conversion is.

    Args:
        entry: As it stands. What was expected when it was submitted holds until it ends, so that
            the estimate never goes back.
        expectation: What such conversions take, for one that is still queued.

    Returns:
        The estimate.
    """
    end = entry.finished_at or entry.seen_at
    queued_s = expectation.usual_s if expectation and entry.state is State.QUEUED else None
    return Progress(
        state=entry.state,
        polls=entry.polls,
        elapsed_s=max(end - entry.created_at, 0.0),
        expected_s=entry.usual_s if queued_s is None else queued_s,
        fraction=_fraction(entry),
        note=entry.note,
        held=entry.held,
        late=_is_late(entry),
    )


def _fraction(entry: Entry) -> float | None:
    if entry.state is State.SUCCEEDED:
        return 1.0
    if entry.state is State.READY:
        return _ALMOST
    if entry.state is State.QUEUED:
        return 0.0
    if entry.state is not State.CONVERTING or not entry.late_s or _is_late(entry):
        return None
    return max(entry.job_age_s, 0.0) / entry.late_s * _MOST


def _is_late(entry: Entry) -> bool:
    return (
        entry.state is State.CONVERTING
        and entry.late_s is not None
        and entry.job_age_s > entry.late_s
    )
