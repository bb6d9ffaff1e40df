"""``conveyor dead``: list, group, show, replay and purge dead letters."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

import typer

from conveyor.cli import completing, console, json_lines, report
from conveyor.cli.asking import confirm
from conveyor.cli.choosing import Account, Kind, is_chosen, kind_called
from conveyor.cli.letters import Aside, show_costs, show_groups, show_letters
from conveyor.cli.options import AsJson, Yes
from conveyor.cli.prices import plan, price, too_many
from conveyor.cli.session import connected
from conveyor.cli.text import count, duration_text, parse_duration
from conveyor.domain import rules
from conveyor.errors import InvalidRequest, UnknownConversion

if TYPE_CHECKING:
    from conveyor.dead.letters import DeadLetters

__all__ = ["app"]

app = typer.Typer(
    help="Dead letters: conversions that have ended without files.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


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
    wanted = kind_called(kind)
    with connected() as conveyor:
        letters = conveyor.dead_letters
        if group:
            groups = [one for one in letters.groups() if is_chosen(one, wanted, account)]
            show_groups(groups, as_json=as_json)
            return
        # One more than asked for tells whether there are more.
        found = letters.list(wanted, account, limit + 1)
        aside = Aside(list(letters.unreadable()), list(letters.lost()), list(letters.newer()))
    shown = found[:limit]
    if as_json:
        for letter in shown:
            json_lines.put(letter.to_dict())
    else:
        show_letters(shown)
    if len(found) > limit:
        console.note(f"There are more than {limit}: see --limit.")
    aside.say()


@app.command()
def show(
    conversion_id: Annotated[
        str,
        typer.Argument(metavar="ID", help="The dead letter.", autocompletion=completing.dead_ids),
    ],
    as_json: AsJson = False,
) -> None:
    """Show a dead letter, and what can be done about it."""
    with connected() as conveyor:
        letter = conveyor.dead_letters.show(conversion_id)
        costs = conveyor.dead_letters.costs(conversion_id)
        asks_first = conveyor.dead_letters.asks_first(conversion_id)
    if as_json:
        json_lines.put({**letter.to_dict(), "replay_is_paid": costs})
        return
    report.summary(letter, console.stdout())
    cost = "converts and pays again" if costs else "fetches the paid result; not paid again"
    if costs and asks_first:
        cost = "asks for the old job first; converts and pays again only if that is gone"
    console.say(console.stdout(), f"replay    conveyor dead replay {letter.id}  ({cost})")


@app.command()
def replay(  # noqa: PLR0917 - typer reads the command's options off its parameters
    ids: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[ID]...", help="The dead letters.", autocompletion=completing.dead_ids
        ),
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
    as_json: AsJson = False,
) -> None:
    """Try dead letters again, each under its id. A new conversion is paid again."""
    wanted = kind_called(kind)
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
            show_costs(costs, as_json=as_json)
            console.note(f"{plan(costs, limit)} Nothing was changed.")
            return
        if len(costs) > limit:
            raise InvalidRequest(f"{too_many(costs, limit)} Nothing was changed.")
        confirm(f"Replay {count(len(costs), 'dead letter')}? {price(costs)}", yes=yes)
        replayed = _replay(letters, costs, timeout, as_json=as_json)
    if replayed:
        console.note(f"Next: conveyor wait {replayed[-1]}")


@app.command()
def discard(
    ids: Annotated[list[str], typer.Argument(metavar="ID...", help="The conversions.")],
    yes: Yes = False,
    as_json: AsJson = False,
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
            if as_json:
                json_lines.put({"id": conversion_id, "discarded": True})
            else:
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
    as_json: AsJson = False,
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
    if as_json:
        json_lines.put({"purged": purged})
    else:
        console.say(console.stdout(), f"{count(purged, 'dead letter')} purged")


def _replay(
    letters: DeadLetters, ids: Iterable[str], timeout: int | None, *, as_json: bool
) -> list[str]:
    """Replay them; one that was replayed or purged meanwhile by others does not stop the rest."""
    replayed = []
    for conversion_id in ids:
        try:
            conversion = letters.replay(conversion_id, timeout)
        except UnknownConversion as error:
            console.note(str(error))
            continue
        if as_json:
            json_lines.put(conversion.to_dict())
        else:
            typer.echo(f"{conversion.id}\t{conversion.state}")
        replayed.append(conversion.id)
    return replayed
