"""``conveyor account``: which accounts are on hold, and how they go on."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer

from conveyor.cli import console
from conveyor.cli.session import connected
from conveyor.cli.text import duration_text
from conveyor.errors import InvalidRequest
from conveyor.ledger.accounts import AccountStatus

__all__ = ["app"]

app = typer.Typer(
    help="Accounts: on hold after wrong credentials or a used-up balance, or throttled.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

_HEADER = ("account", "state", "since", "rate", "jobs", "ends", "reason")


@app.command("list")
def list_accounts(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the accounts that the workers submit for, and how a hold will end."""
    with connected() as conveyor:
        accounts = conveyor.accounts()
    if as_json:
        typer.echo(json.dumps([asdict(account) for account in accounts], indent=2))
    elif accounts:
        console.show_rows(console.stdout(), _HEADER, map(_row, accounts))
    else:
        console.say(console.stderr(), "No account has been seen yet.")


@app.command()
def resume(
    account: Annotated[
        str | None,
        typer.Argument(
            metavar="ACCOUNT", help="The account's name. Without it, all accounts on hold."
        ),
    ] = None,
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
        typer.echo(f"{one}\tresumed")
    if not resumed:
        subject = f"The account {account} is not" if account else "No account is"
        console.say(console.stderr(), f"{subject} on hold.")


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
