"""What a transition asks of ``transition.lua``, by the names that the script's head explains."""

from __future__ import annotations

from typing import Any, Final

from conveyor.domain.entry import Entry
from conveyor.ledger.encoding import VERSION
from conveyor.ledger.transitions import TRANSITIONS

__all__ = ["FORGET", "bell_of", "spec_of", "this_job"]

FORGET: Final = -1
"""For ``keep_s`` of ``transition.lua``: the entry is forgotten at once."""

_KEEP_EVENTS: Final = 200
_MOST_NOTE_CHARACTERS: Final = 300


def spec_of(name: str, change: dict[str, Any]) -> dict[str, Any]:
    """Say what the script is asked to do.

    Args:
        name: The transition's, in `conveyor.ledger.transitions`.
        change: What is particular to this one, by the script's names; None leaves one out. It is
            used up.
    """
    transition = TRANSITIONS[name]
    given = {**change.pop("set", {}), **change.pop("also", {})}
    fields = {field: _clean(value) for field, value in given.items()}
    if "note" in fields:
        fields["note"] = fields["note"][:_MOST_NOTE_CHARACTERS]
    if transition.enters is not None:
        fields["state"] = transition.enters.value
    return {
        "version": VERSION,
        "keep_events": _KEEP_EVENTS,
        "leaves": sorted(transition.leaves),
        "set": fields,
        "guards": {field: str(value) for field, value in change.pop("guards", {}).items()},
        "add": {field: by for field, by in change.pop("add", {}).items() if by},
        **{name: value for name, value in change.items() if value is not None},
    }


def _clean(value: Any) -> str:
    """Half a character (a lone surrogate) is nothing that Redis' JSON reads."""
    return str(value).encode(errors="replace").decode()


def this_job(entry: Entry) -> dict[str, Any]:
    """The guards of a transition that notes an answer: a late one about an earlier job is refused.

    Args:
        entry: As it was when the request began.
    """
    return {"attempt": entry.attempt, "job_id": entry.job_id}


def bell_of(entry: Entry) -> str | bool:
    """Whether a poll's bell is rung now. Where the service calls, the sweep rings for a late one.

    Such a poll is for a call that was lost. So no message waits for what has long ended.

    Args:
        entry: The conversion, converting.
    """
    return "webhook_received" if entry.webhook else True
