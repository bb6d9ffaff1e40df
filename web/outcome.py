"""What is answered once something was done: Redis's going away now must not deny it."""

from __future__ import annotations

import time

from conveyor import Conversion, Conveyor, Progress, State, Status, Unavailable
from web.answers import ConversionAnswer
from web.languages import ENGLISH

__all__ = ["outcome_of"]


def outcome_of(conveyor: Conveyor, done: Conversion, language: str = ENGLISH) -> ConversionAnswer:
    """The answer after an accept, replay or cancel: the conversion's current state.

    Args:
        conveyor: Looks at it.
        done: What is known of it without a look: the answer where nobody can look.
        language: In which the end user is told of a failure.
    """
    try:
        return ConversionAnswer.of(conveyor.status(done.id), language)
    except Unavailable:
        return ConversionAnswer.of(Status(done, _progress_of(done)), language)


def _progress_of(conversion: Conversion) -> Progress:
    """Tell the progress as far as the conversion itself does."""
    end = conversion.finished_at or time.time()
    return Progress(
        state=conversion.state,
        polls=conversion.polls,
        elapsed_s=max(end - conversion.created_at, 0.0),
        expected_s=None,
        fraction=0.0 if conversion.state is State.QUEUED else None,
    )
