"""Dead letters on the terminal: row by row, by groups, and what lies beside them."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Final

import typer

from conveyor.cli import console
from conveyor.cli.prices import Costs
from conveyor.cli.text import count, duration_text, one_line, shortened
from conveyor.dead.groups import DeadGroup
from conveyor.domain.conversion import Conversion

__all__ = ["Aside", "show_costs", "show_groups", "show_letters"]

_MOST_SHOWN: Final = 100
_HEADER: Final = ("id", "age", "source", "formats", "class", "reason", "code", "error")
# A terminal of 80 columns has room for these, whatever an id and a reason are.
_SHORT_HEADER: Final = ("id", "age", "formats", "reason")
_WIDE: Final = 140
_SOURCE_CHARACTERS: Final = 32
_GROUP_HEADER = ("count", "class", "account")
_PLAN_HEADER = ("id", "replay")
_PLAN: Final = {True: "paid again", False: "fetched, not paid again"}


def show_letters(letters: Sequence[Conversion]) -> None:
    """Print dead letters, one a row. On a narrow terminal the rows leave out what is long.

    Args:
        letters: The dead letters.
    """
    out = console.stdout()
    header = _SHORT_HEADER if out.is_terminal and out.width < _WIDE else _HEADER
    _show(header, [[_cells(letter)[name] for name in header] for letter in letters])


def show_groups(groups: Sequence[DeadGroup], *, as_json: bool) -> None:
    """Print how many dead letters there are of each class and account.

    Args:
        groups: The numbers.
        as_json: Whether as JSON.
    """
    if as_json:
        typer.echo(json.dumps([asdict(group) for group in groups], indent=2))
    else:
        rows = [(str(group.count), group.kind.value, group.account or "-") for group in groups]
        _show(_GROUP_HEADER, rows)


def show_costs(costs: Costs) -> None:
    """Print for each dead letter whether its replay is paid again.

    Args:
        costs: The dead letters.
    """
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
        told = text.format(count=count(len(ids), "conversion"), ids=shown)
        console.say(console.stderr(), told)


def _cells(letter: Conversion) -> dict[str, str]:
    """What can be shown of a dead letter, by the column's name."""
    failure = letter.failure
    age_s = time.time() - (letter.finished_at or letter.created_at)
    return {
        "id": letter.id,
        "age": duration_text(max(age_s, 0)),
        "source": shortened(one_line(letter.source_name), _SOURCE_CHARACTERS) or "-",
        "formats": f"{letter.from_format}:{letter.to_format}",
        "class": failure.kind.value if failure else letter.state.value,
        "reason": failure.reason.value if failure else "-",
        "code": str(failure.code or "-") if failure else "-",
        "error": failure.message if failure else "",
    }


def _show(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    if rows:
        console.show_rows(console.stdout(), header, rows)
    else:
        console.say(console.stderr(), "There are no dead letters.")
