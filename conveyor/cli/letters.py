"""Dead letters on the terminal: row by row, by groups, and what lies beside them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final

from conveyor.cli import console, json_lines
from conveyor.cli.console import Column
from conveyor.cli.prices import Costs
from conveyor.cli.text import count, duration_text
from conveyor.domain.conversion import Conversion

if TYPE_CHECKING:
    from conveyor.dead.groups import DeadGroup

__all__ = ["Aside", "show_costs", "show_groups", "show_letters"]

_MOST_SHOWN: Final = 100
# A terminal of 80 columns has room for those of rank 0, whatever an id and a reason are.
_COLUMNS: Final = (
    Column("id"),
    Column("age", rank=1),
    Column("source", rank=5, least=16),
    Column("formats", least=8),
    Column("class", rank=3),
    Column("reason"),
    Column("code", rank=2),
    Column("error", rank=4, least=30, folds=True),
)
_GROUP_HEADER = ("count", "class", "account")
_PLAN_HEADER = ("id", "replay")
_PLAN: Final = {True: "paid again", False: "fetched, not paid again"}


def show_letters(letters: Sequence[Conversion]) -> None:
    """Print dead letters, one a row. On a narrow terminal the rows leave out what is long.

    Args:
        letters: The dead letters.
    """
    _show(_COLUMNS, [_cells(letter) for letter in letters])


def show_groups(groups: Sequence[DeadGroup], *, as_json: bool) -> None:
    """Print how many dead letters there are of each class and account.

    Args:
        groups: The numbers.
        as_json: Whether as JSON.
    """
    if as_json:
        for group in groups:
            json_lines.put(asdict(group))
    else:
        rows = [(str(group.count), group.kind.value, group.account or "-") for group in groups]
        _show(_GROUP_HEADER, rows)


def show_costs(costs: Costs, *, as_json: bool) -> None:
    """Print for each dead letter whether its replay is paid again.

    Args:
        costs: The dead letters.
        as_json: Whether as JSON.
    """
    if as_json:
        for one, paid in costs.items():
            json_lines.put({"id": one, "replay_is_paid": paid})
    else:
        _show(_PLAN_HEADER, [(one, _PLAN[paid]) for one, paid in costs.items()])


@dataclass(frozen=True, slots=True)
class Aside:
    """What is no dead letter, and needs a look all the same.

    Attributes:
        unreadable: Ids of conversions whose entry can't be read.
        lost: Ids of conversions whose entry is missing.
        newer: Ids of conversions that a later release has written.
    """

    unreadable: Sequence[str]
    lost: Sequence[str]
    newer: Sequence[str]

    def say(self) -> None:
        """Print a line about each kind of which there is any, with what to do."""
        forget = "To forget one: conveyor dead discard ID"
        _say(
            self.unreadable,
            "{count} can't be read in Redis, and no worker processes them: {ids}. " + forget,
        )
        _say(
            self.lost,
            "Redis has lost {count}, evicted or deleted, and perhaps paid: {ids}. Enqueue again "
            "what is needed. " + forget,
        )
        _say(
            self.newer,
            "A later release of Conveyor has written {count}, and this one leaves them alone: "
            "{ids}",
        )


def _say(ids: Sequence[str], text: str) -> None:
    if ids:
        shown = ", ".join(ids[:_MOST_SHOWN]) + (", …" if len(ids) > _MOST_SHOWN else "")
        console.note(text.format(count=count(len(ids), "conversion"), ids=shown))


def _cells(letter: Conversion) -> tuple[str, ...]:
    """What is shown of a dead letter, column by column."""
    failure = letter.failure
    age_s = time.time() - (letter.finished_at or letter.created_at)
    return (
        letter.id,
        duration_text(max(age_s, 0)),
        letter.source_name or "-",
        f"{letter.from_format}:{letter.to_format}",
        failure.kind.value if failure else letter.state.value,
        failure.reason.value if failure else "-",
        str(failure.code or "-") if failure else "-",
        failure.message if failure else "",
    )


def _show(header: Sequence[str | Column], rows: Sequence[Sequence[str]]) -> None:
    if rows:
        console.show_rows(console.stdout(), header, rows)
    else:
        console.note("There are no dead letters.")
