"""What is to be done next for a conversion, by its state: one table for Python and for the scripts.

A script that says ``-- begins with KIND_OF`` gets the table as a Lua local of that name.
"""

from __future__ import annotations

from typing import Final

from conveyor.domain.conversion import State

__all__ = ["KINDS", "KIND_OF", "NOTIFY", "lua_table"]

KIND_OF: Final = {
    State.QUEUED: "submit",
    State.CONVERTING: "poll",
    # What has ended is due until its caller knows.
    **dict.fromkeys(
        (State.READY, State.SUCCEEDED, State.FAILED, State.EXPIRED, State.CANCELLED), "deliver"
    ),
}
"""The kind of work that a conversion in a state is due for."""

KINDS: Final = tuple(dict.fromkeys(KIND_OF.values()))
"""What there is to do for a conversion that has not ended, or whose caller does not know."""


NOTIFY: Final = "notify"
"""What there is to do for a receiver: notices of its conversions. No conversion waits for it."""


def lua_table() -> str:
    """`KIND_OF` as the scripts read it."""
    rows = ", ".join(f"{state.value} = '{kind}'" for state, kind in KIND_OF.items())
    return f"local KIND_OF = {{{rows}}}\n"
