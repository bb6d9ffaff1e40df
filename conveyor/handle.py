"""`Handle`: one conversion as its caller sees it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from celery.result import assert_will_not_block

from conveyor.conversion import Conversion, Progress, State
from conveyor.errors import WaitTimeout
from conveyor.ledger import Entry, Ledger

__all__ = ["Handle"]

# Quick at first for short conversions, then easy on Redis.
_FIRST_LOOK_S: Final = 0.05
_LAST_LOOK_S: Final = 1.0
_GROWTH: Final = 1.3

# Until it has succeeded nobody knows that it is done.
_ALMOST: Final = 0.95


class Handle:
    """One conversion.

    Attributes:
        id: Its id, which is also the Celery task id: ``AsyncResult(handle.id)`` works.
    """

    def __init__(
        self, conversion_id: str, ledger: Ledger, cancel: Callable[[str], Conversion]
    ) -> None:
        self.id = conversion_id
        self._ledger = ledger
        self._cancel = cancel

    def __repr__(self) -> str:
        return f"<Handle {self.id}>"

    @property
    def state(self) -> State:
        """Where it stands; asks Redis.

        Raises:
            UnknownConversion: It was forgotten.
        """
        return self._ledger.get(self.id).state

    def get(self) -> Conversion:
        """The conversion as it stands.

        Raises:
            UnknownConversion: It was forgotten.
        """
        return self._ledger.get(self.id).conversion

    def progress(self) -> Progress:
        """How far it is.

        Raises:
            UnknownConversion: It was forgotten.
        """
        entry = self._ledger.get(self.id)
        return progress_of(entry, self._ledger.pace.expected_s(entry.request), time.time())

    def cancel(self) -> Conversion:
        """Cancel it; as `conveyor.Conveyor.cancel`."""
        return self._cancel(self.id)

    def wait(self, timeout: float | None = None) -> Conversion:
        """Wait for the end. Not inside a task: that would hold a worker's slot.

        Args:
            timeout: Seconds; None waits for ever.

        Returns:
            The conversion, succeeded.

        Raises:
            ConversionFailed: It has ended without files; with code and message.
            ConversionCancelled: It was cancelled.
            WaitTimeout: It is still under way; it goes on.
            UnknownConversion: It was forgotten.
            RuntimeError: Called inside a Celery task; use ``conveyor.signature`` in a chain.
        """
        assert_will_not_block()
        deadline = None if timeout is None else time.monotonic() + timeout
        pause_s = _FIRST_LOOK_S
        while True:
            entry = self._ledger.get(self.id)
            conversion = entry.conversion
            if conversion.state.is_final:
                conversion.raise_if_failed()
                return conversion
            if deadline is not None:
                left_s = deadline - time.monotonic()
                if left_s <= 0:
                    raise WaitTimeout(
                        f"The conversion {self.id} is still {conversion.state} after "
                        f"{timeout:g} s{_because(entry)}. It goes on: wait again, or look later."
                    )
                pause_s = min(pause_s, left_s)
            time.sleep(pause_s)
            pause_s = min(pause_s * _GROWTH, _LAST_LOOK_S)


def _because(entry: Entry) -> str:
    return f" ({entry.note.rstrip('.')})" if entry.note else ""


def progress_of(entry: Entry, pace_s: float | None, now: float) -> Progress:
    """Estimate how far a conversion is.

    Args:
        entry: As it stands.
        pace_s: What such conversions took lately at the service.
        now: Seconds since the epoch.

    Returns:
        The estimate.
    """
    end = entry.finished_at or now
    return Progress(
        state=entry.state,
        polls=entry.polls,
        elapsed_s=max(end - entry.created_at, 0.0),
        expected_s=pace_s,
        fraction=_fraction(entry, pace_s, now),
        note=entry.note,
        held=entry.held,
    )


def _fraction(entry: Entry, pace_s: float | None, now: float) -> float | None:
    if entry.state is State.SUCCEEDED:
        return 1.0
    if entry.state is State.READY:
        return _ALMOST
    if entry.state is State.QUEUED:
        return 0.0
    if entry.submitted_at is None or not pace_s:
        return None
    return min((now - entry.submitted_at) / pace_s, 1.0) * _ALMOST
