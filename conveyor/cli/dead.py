"""``conveyor dead``: list, group, show, replay and purge dead letters."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Final

import typer

from conveyor.cli import console, report
from conveyor.cli.asking import confirm
from conveyor.cli.session import connected
from conveyor.cli.text import count, duration_text, parse_duration
from conveyor.dead_groups import DeadGroup
from conveyor.dead_letters import DeadLetters
from conveyor.domain import rules
from conveyor.domain.conversion import Conversion, FailureKind
from conveyor.errors import InvalidRequest, UnknownConversion

__all__ = ["app"]

app = typer.Typer(
    help="Dead letters: conversions that have ended without files.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

# A cancelled conversion is no dead letter.
_KINDS: Final = tuple(kind.value for kind in FailureKind if kind is not FailureKind.CANCELLED)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Yes = Annotated[bool, typer.Option("--yes", help="Don't ask.")]
Kind = Annotated[
    str | None,
    typer.Option(metavar="CLASS", help=f"Only dead letters of a class: {', '.join(_KINDS)}."),
]
Account = Annotated[
    str | None,
    typer.Option(metavar="ACCOUNT", help="Only dead letters of an account, by its name."),
]

_MOST_SHOWN: Final = 100

_HEADER = ("id", "age", "formats", "class", "code", "reason")
_GROUP_HEADER = ("count", "class", "account")
_PLAN_HEADER = ("id", "replay")
_PLAN: Final = {True: "paid again", False: "fetched, not paid again"}

Costs = Mapping[str, bool]
"""Whether the replay of each is paid again, by id."""


@app.command("list")
def list_letters(
    kind: Kind = None,
    account: Account = None,
    group: Annotated[bool, typer.Option("--group", help="Count by class and account.")] = False,
    limit: Annotated[
        int, typer.Option(min=1, help="Show at most so many, the oldest first.")
    ] = 100,
    as_json: AsJson = False,
) -> None:
    """List dead letters, the oldest first, or count them by class and account."""
    wanted = _kind(kind)
    with connected() as conveyor:
        letters = conveyor.dead_letters
        if group:
            _show_groups(letters.groups(), wanted, account, as_json=as_json)
            return
        # One more than asked for tells whether there are more.
        found = letters.list(wanted, account, limit + 1)
        aside = _Aside(list(letters.unreadable()), list(letters.lost()), list(letters.newer()))
    shown = found[:limit]
    if as_json:
        typer.echo(json.dumps([letter.to_dict() for letter in shown], indent=2))
        return
    _show(_HEADER, [_row(letter) for letter in shown])
    if len(found) > limit:
        console.say(console.stderr(), f"There are more than {limit}: see --limit.")
    aside.say()


@dataclass(frozen=True, slots=True)
class _Aside:
    """What is no dead letter, and needs a look all the same."""

    unreadable: Sequence[str]
    lost: Sequence[str]
    newer: Sequence[str]

    def say(self) -> None:
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


@app.command()
def show(
    conversion_id: Annotated[str, typer.Argument(metavar="ID", help="The dead letter.")],
    as_json: AsJson = False,
) -> None:
    """Show a dead letter, and what can be done about it."""
    with connected() as conveyor:
        letter = conveyor.dead_letters.show(conversion_id)
        costs = conveyor.dead_letters.costs(conversion_id)
        asks_first = conveyor.dead_letters.asks_first(conversion_id)
    if as_json:
        typer.echo(json.dumps({**letter.to_dict(), "replay_is_paid": costs}, indent=2))
        return
    report.summary(letter, console.stdout())
    price = "converts and pays again" if costs else "fetches the paid result; not paid again"
    if costs and asks_first:
        price = "asks for the old job first; converts and pays again only if that is gone"
    console.say(console.stdout(), f"replay    conveyor dead replay {letter.id}  ({price})")


@app.command()
def replay(  # noqa: PLR0917 - typer reads the command's options off its parameters
    ids: Annotated[
        list[str] | None, typer.Argument(metavar="[ID]...", help="The dead letters.")
    ] = None,
    kind: Kind = None,
    account: Account = None,
    every: Annotated[
        bool,
        typer.Option("--all", help="All dead letters; --kind and --account narrow the choice."),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what it costs, and change nothing.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, help="Refuse to replay more than so many.")] = 100,
    timeout: Annotated[
        int | None,
        typer.Option(
            metavar="SECONDS",
            min=rules.LEAST_TIMEOUT_S,
            max=rules.MOST_TIMEOUT_S,
            help="ConvertAPI's parameter Timeout of the new jobs: for code 5000.",
        ),
    ] = None,
    yes: Yes = False,
) -> None:
    """Try dead letters again, each under its id. A new conversion is paid again."""
    wanted = _kind(kind)
    in_bulk = every or wanted is not None or account is not None
    if in_bulk == bool(ids):
        raise InvalidRequest(
            "Name the dead letters by id, or choose them with --kind, --account or --all."
        )
    with connected() as conveyor:
        letters = conveyor.dead_letters
        # All of them are looked up before the first is replayed: a wrong id changes nothing.
        chosen = letters.list(wanted, account) if in_bulk else map(letters.show, ids or [])
        costs = letters.costs_of([letter.id for letter in chosen])
        if dry_run or not costs:
            _show(_PLAN_HEADER, [(one, _PLAN[paid]) for one, paid in costs.items()])
            console.say(console.stderr(), f"{_plan(costs, limit)} Nothing was changed.")
            return
        if len(costs) > limit:
            raise InvalidRequest(f"{_too_many(costs, limit)} Nothing was changed.")
        confirm(f"Replay {count(len(costs), 'dead letter')}? {_price(costs)}", yes=yes)
        replayed = _replay(letters, costs, timeout)
    if replayed:
        console.say(console.stderr(), f"Next: conveyor wait {replayed[-1]}")


@app.command()
def discard(
    ids: Annotated[list[str], typer.Argument(metavar="ID...", help="The conversions.")],
    yes: Yes = False,
) -> None:
    """Forget conversions with an unreadable or lost entry in Redis."""
    confirm(f"Forget {count(len(ids), 'conversion')}? Nothing brings them back.", yes=yes)
    with connected() as conveyor:
        for conversion_id in ids:
            if not conveyor.dead_letters.discard(conversion_id):
                raise UnknownConversion(
                    f"There is no unreadable or lost entry {conversion_id!r}. Run `conveyor dead "
                    "list` to see them."
                )
            typer.echo(conversion_id)


@app.command()
def purge(
    older_than: Annotated[
        str,
        typer.Option(
            metavar="SPAN", help="Dead letters that ended longer ago than this: 12h, 7d, 2w."
        ),
    ],
    yes: Yes = False,
) -> None:
    """Forget dead letters and remove their staged sources. They can't be replayed after it."""
    span_s = parse_duration(older_than)
    with connected() as conveyor:
        due = conveyor.dead_letters.count(span_s)
        if due:
            confirm(
                f"Forget {count(due, 'dead letter')} older than {duration_text(span_s)}? "
                "They can't be replayed after it.",
                yes=yes,
            )
        purged = conveyor.dead_letters.purge(span_s) if due else 0
    console.say(console.stdout(), f"{count(purged, 'dead letter')} purged")


def _row(letter: Conversion) -> tuple[str, ...]:
    failure = letter.failure
    age_s = time.time() - (letter.finished_at or letter.created_at)
    return (
        letter.id,
        duration_text(max(age_s, 0)),
        f"{letter.from_format}:{letter.to_format}",
        failure.kind.value if failure else letter.state.value,
        str(failure.code or "-") if failure else "-",
        failure.message if failure else "",
    )


def _replay(letters: DeadLetters, ids: Iterable[str], timeout: int | None) -> list[str]:
    """Replay them; one that was replayed or purged meanwhile by others does not stop the rest."""
    replayed = []
    for conversion_id in ids:
        try:
            conversion = letters.replay(conversion_id, timeout)
        except UnknownConversion as error:
            console.say(console.stderr(), str(error))
            continue
        typer.echo(f"{conversion.id}\t{conversion.state}")
        replayed.append(conversion.id)
    return replayed


def _show_groups(
    groups: Sequence[DeadGroup], kind: FailureKind | None, account: str | None, *, as_json: bool
) -> None:
    shown = [
        group for group in groups if kind in (None, group.kind) and account in (None, group.account)
    ]
    if as_json:
        typer.echo(json.dumps([asdict(group) for group in shown], indent=2))
    else:
        rows = [(str(group.count), group.kind.value, group.account or "-") for group in shown]
        _show(_GROUP_HEADER, rows)


def _show(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    if rows:
        console.show_rows(console.stdout(), header, rows)
    else:
        console.say(console.stderr(), "There are no dead letters.")


def _kind(text: str | None) -> FailureKind | None:
    if text is None:
        return None
    if text not in _KINDS:
        raise InvalidRequest(
            f"{text!r} is not a kind of failure. Choose one of {', '.join(_KINDS)}."
        )
    return FailureKind(text)


def _plan(costs: Costs, limit: int) -> str:
    """What a replay would do."""
    if not costs:
        return "There is nothing to replay."
    if len(costs) > limit:
        return f"{_too_many(costs, limit)} {_price(costs)}"
    return f"This would replay {count(len(costs), 'dead letter')}. {_price(costs)}"


def _price(costs: Costs) -> str:
    paid = sum(costs.values())
    if not paid:
        return "Their results are paid and are fetched again; nothing is paid again."
    if paid == len(costs):
        return f"A replay is a new conversion: {count(paid, 'conversion')} will be paid again."
    return (
        f"{count(paid, 'conversion')} will be paid again; "
        f"{count(len(costs) - paid, 'result')} paid before will only be fetched again."
    )


def _too_many(costs: Costs, limit: int) -> str:
    return (
        f"These are {len(costs)} dead letters, and --limit is {limit}: raise it, or choose fewer."
    )
