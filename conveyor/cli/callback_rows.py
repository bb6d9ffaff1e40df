"""Callbacks on the terminal: one a row, and the log of their tries."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final

from conveyor.cli import console
from conveyor.cli.console import Column
from conveyor.cli.text import duration_text
from conveyor.domain.notice import Notice

__all__ = ["show_log", "show_notices"]

# A terminal of 80 columns has room for those of rank 0. The id is the longest.
_COLUMNS: Final = (
    Column("conversion"),
    Column("event", rank=1),
    Column("status"),
    Column("tries", rank=2),
    Column("reason"),
    Column("age", rank=3),
    Column("receiver", rank=4),
)


def show_notices(notices: Sequence[Notice]) -> None:
    """Print callbacks, one a row.

    Args:
        notices: The callbacks.
    """
    if not notices:
        console.note("There are no such callbacks.")
        return
    console.show_rows(console.stdout(), _COLUMNS, map(_cells, notices))


def show_log(notices: Sequence[Notice]) -> None:
    """Print the tries of callbacks, one a line.

    Args:
        notices: The callbacks of one conversion.
    """
    out = console.stdout()
    for notice in notices:
        for line in notice.log:
            age = duration_text(max(notice.seen_at - line.at, 0))
            said = line.error or f"the receiver answered {line.status}"
            console.say(out, f"{notice.type}, {age} ago, {line.took_s:.2f} s: {said}")


def _cells(notice: Notice) -> tuple[str, ...]:
    reason = notice.reason.value if notice.reason else "-"
    return (
        notice.conversion_id,
        notice.state.value,
        notice.status.value,
        str(notice.tries),
        reason,
        duration_text(max(time.time() - notice.at, 0)),
        notice.receiver,
    )
