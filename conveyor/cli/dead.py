"""``conveyor dead``: list, show, replay and purge dead letters."""

from __future__ import annotations

import json
import sys
import time
from typing import Annotated

import typer

from conveyor.cli import console, report
from conveyor.cli.session import connected
from conveyor.cli.text import count, duration_text, parse_duration
from conveyor.conversion import Conversion
from conveyor.errors import InvalidRequest

__all__ = ["app"]

app = typer.Typer(
    help="Dead letters: conversions that have ended without files.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Yes = Annotated[bool, typer.Option("--yes", help="Don't ask.")]

_HEADER = ("id", "age", "formats", "class", "code", "reason")


@app.command("list")
def list_letters(
    limit: Annotated[int, typer.Option(min=1, help="Show so many, the oldest first.")] = 100,
    as_json: AsJson = False,
) -> None:
    """List dead letters, the oldest first."""
    with connected() as conveyor:
        # One more than asked for tells whether there are more.
        found = conveyor.dead_letters.list(limit + 1)
    shown = found[:limit]
    if as_json:
        typer.echo(json.dumps([letter.to_dict() for letter in shown], indent=2))
        return
    if shown:
        console.show_rows(console.stdout(), _HEADER, map(_row, shown))
    else:
        console.say(console.stderr(), "There are no dead letters.")
    if len(found) > limit:
        console.say(console.stderr(), f"There are more than {limit}: see --limit.")


@app.command()
def show(
    conversion_id: Annotated[str, typer.Argument(metavar="ID", help="The dead letter.")],
    as_json: AsJson = False,
) -> None:
    """Show a dead letter, and what can be done about it."""
    with connected() as conveyor:
        letter = conveyor.dead_letters.show(conversion_id)
        costs = conveyor.dead_letters.costs(conversion_id)
    if as_json:
        typer.echo(json.dumps({**letter.to_dict(), "replay_is_paid": costs}, indent=2))
        return
    report.summary(letter, console.stdout())
    price = "converts, and pays, again" if costs else "fetches the paid result; not paid again"
    console.say(console.stdout(), f"replay    conveyor dead replay {letter.id}  ({price})")


@app.command()
def replay(
    ids: Annotated[list[str], typer.Argument(metavar="ID", help="The dead letters.")],
    yes: Yes = False,
) -> None:
    """Try dead letters again, each under its id. A new conversion is paid again."""
    wanted = list(dict.fromkeys(ids))
    with connected() as conveyor:
        letters = conveyor.dead_letters
        # All of them are looked up before the first is replayed: a wrong id changes nothing.
        paid = sum([letters.costs(conversion_id) for conversion_id in wanted])
        _confirm(
            f"Replay {count(len(wanted), 'dead letter')}? {_price(paid, len(wanted))}", yes=yes
        )
        for conversion_id in wanted:
            conversion = letters.replay(conversion_id)
            typer.echo(f"{conversion.id}\t{conversion.state}")
    console.say(console.stderr(), f"Next: conveyor wait {wanted[-1]}")


@app.command()
def purge(
    older_than: Annotated[
        str, typer.Option(metavar="SPAN", help="Those that ended longer ago: 12h, 7d, 2w.")
    ],
    yes: Yes = False,
) -> None:
    """Forget dead letters and remove their staged sources. They can't be replayed after it."""
    span_s = parse_duration(older_than)
    with connected() as conveyor:
        before = time.time() - span_s
        due = sum((letter.finished_at or 0) <= before for letter in conveyor.dead_letters.list())
        if due:
            _confirm(
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


def _price(paid: int, total: int) -> str:
    if not paid:
        return "Their results are paid and are fetched again; nothing is paid again."
    if paid == total:
        return f"A replay is a new conversion: {count(paid, 'conversion')} will be paid again."
    return (
        f"{count(paid, 'conversion')} will be paid again; "
        "the others are paid and only fetched again."
    )


def _confirm(question: str, *, yes: bool) -> None:
    """Ask before what can't be taken back.

    Raises:
        InvalidRequest: The answer is no, or nobody is there to be asked.
    """
    if yes:
        console.say(console.stderr(), question.replace("?", ".", 1))
        return
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise InvalidRequest(
            f"{question} Nobody is here to be asked: add --yes. Nothing was changed."
        )
    if not typer.confirm(question, err=True):
        console.say(console.stderr(), "Nothing was changed.")
        raise typer.Exit(1)
