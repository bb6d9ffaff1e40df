"""``conveyor account``: which accounts are on hold, and how they go on."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Final

import typer

from conveyor.cli import console, json_lines
from conveyor.cli.console import Column
from conveyor.cli.options import AsJson
from conveyor.cli.session import connected
from conveyor.cli.text import duration_text
from conveyor.errors import InvalidRequest

if TYPE_CHECKING:
    from conveyor.ledger.accounts import AccountStatus

__all__ = ["app"]

app = typer.Typer(
    help="Accounts: on hold after wrong credentials or a used-up balance, or throttled.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

_HEADER: Final = (
    Column("account"),
    Column("state"),
    Column("since", rank=1),
    Column("rate", rank=2),
    Column("jobs", rank=3),
    Column("ends", rank=4),
    Column("reason", least=20, folds=True),
)


@app.command("list")
def list_accounts(
    as_json: AsJson = False,
) -> None:
    """List the accounts that the workers submit for, and how a hold will end."""
    with connected() as conveyor:
        accounts = conveyor.accounts()
    if as_json:
        for account in accounts:
            json_lines.put(asdict(account))
    elif accounts:
        console.show_rows(console.stdout(), _HEADER, map(_row, accounts))
    else:
        console.note("No account has been seen yet.")


@app.command()
def resume(
    account: Annotated[
        str | None,
        typer.Argument(
            metavar="ACCOUNT", help="The account's name. Without it, all accounts on hold."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """End a hold after you have repaired its cause. Waiting conversions continue automatically."""
    with connected() as conveyor:
        known = conveyor.accounts()
        if account is not None and account not in {one.account for one in known}:
            raise InvalidRequest(
                f"There is no account {account!r}. Run `conveyor account list` to see the known "
                "ones."
            )
        wanted = [one.account for one in known if account in (None, one.account)]
        resumed = [one for one in wanted if conveyor.resume(one)]
    for one in resumed:
        if as_json:
            json_lines.put({"account": one, "resumed": True})
        else:
            typer.echo(f"{one}\tresumed")
    if not resumed:
        subject = f"The account {account} is not" if account else "No account is"
        console.note(f"{subject} on hold.")


def _row(account: AccountStatus) -> tuple[str, ...]:
    return (
        account.account,
        "held" if account.held else "open",
        duration_text(account.held_s) if account.held else "-",
        f"{account.rate:.1f}/s" if account.rate is not None else "-",
        str(account.jobs),
        account.ends or "-",
        account.held or "-",
    )
