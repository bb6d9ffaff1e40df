"""The transitions of a conversion, in one table; `docs/architecture.md` shows the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from conveyor.domain.conversion import State

__all__ = ["TRANSITIONS", "Transition"]

_ABSENT: Final = ""


@dataclass(frozen=True, slots=True)
class Transition:
    """One way from a state to another.

    Attributes:
        name: As the ledger's method is called.
        leaves: The states it may leave; ``""`` means that there is no entry yet.
        enters: The state it enters; None where it stays as it is.
    """

    name: str
    leaves: frozenset[str]
    enters: State | None


def _row(name: str, leaves: tuple[str, ...], enters: State | None) -> Transition:
    return Transition(name, frozenset(leaves), enters)


_ENDED: Final = (State.SUCCEEDED, State.FAILED, State.EXPIRED, State.CANCELLED)

TRANSITIONS: Final = {
    row.name: row
    for row in (
        _row("open", (_ABSENT,), State.QUEUED),
        _row("forget", (State.QUEUED,), None),
        _row("uploaded", (State.QUEUED,), None),
        _row("submit_later", (State.QUEUED,), State.QUEUED),
        _row("begin_submit", (State.QUEUED,), State.CONVERTING),
        _row("started", (State.CONVERTING,), State.CONVERTING),
        _row("ask_first", (State.CONVERTING,), State.CONVERTING),
        _row("put_back", (State.CONVERTING,), State.QUEUED),
        _row("poll_later", (State.CONVERTING,), State.CONVERTING),
        _row("ready", (State.CONVERTING,), State.READY),
        _row("deliver_later", (State.READY,), State.READY),
        _row("stored", (State.READY,), State.READY),
        _row("succeeded", (State.READY,), State.SUCCEEDED),
        _row("stumbled", (State.QUEUED, State.CONVERTING, State.READY, *_ENDED), None),
        _row("failed", (State.QUEUED, State.CONVERTING, State.READY), State.FAILED),
        _row("expired", (State.CONVERTING, State.READY), State.EXPIRED),
        _row("cancelled", (State.QUEUED, State.CONVERTING, State.READY), State.CANCELLED),
        _row("too_late", (State.QUEUED,), State.CANCELLED),
        _row("sent", _ENDED, None),
        _row("undelivered", _ENDED, None),
        _row("delivered", _ENDED, None),
        _row("replay", (State.FAILED, State.EXPIRED), State.QUEUED),
        _row("ask_again", (State.FAILED,), State.CONVERTING),
        _row("purge", (State.FAILED, State.EXPIRED), None),
        _row("redeliver", (State.FAILED,), State.READY),
        _row("files_removed", (State.SUCCEEDED,), None),
        _row("erase_later", (State.QUEUED, State.CONVERTING, State.READY, *_ENDED), None),
        _row("erase", _ENDED, None),
    )
}
