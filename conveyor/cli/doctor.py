"""``conveyor doctor``."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from conveyor.cli import console
from conveyor.cli.live import Wishes, examine_service
from conveyor.cli.session import connected
from conveyor.diagnosis.doctor import WORKER_TIMEOUT_S, Check, examine
from conveyor.errors import InvalidRequest
from conveyor.live import MOST_SPENT

__all__ = ["doctor"]

_HEADER = ("state", "where", "part", "what was found")


def doctor(  # noqa: PLR0917 - typer reads the command's options off its parameters
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    timeout: Annotated[
        float,
        typer.Option(metavar="SECONDS", min=0.1, help="How long a worker may take to answer."),
    ] = WORKER_TIMEOUT_S,
    live: Annotated[
        bool, typer.Option("--live", help="Try the service itself; needs CONVEYOR_API_SECRET.")
    ] = False,
    spend: Annotated[
        int,
        typer.Option(
            metavar="N",
            min=0,
            max=MOST_SPENT,
            help="With --live: how many conversions may be paid. 0 tests only what is free.",
        ),
    ] = 0,
    record: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="With --live: the file for the recording; otherwise a new name."
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="With --live: replace a recording that is there.")
    ] = False,
    webhook: Annotated[
        str,
        typer.Option(
            metavar="URL",
            help=(
                "With --live: the URL at which the service reaches this machine through a tunnel."
            ),
        ),
    ] = "",
    listen: Annotated[
        int,
        typer.Option(
            metavar="PORT",
            min=0,
            max=65535,
            help="With --live: the loopback port where the tunnel ends; 0: as --webhook says.",
        ),
    ] = 0,
    yes: Annotated[bool, typer.Option("--yes", help="With --live: don't ask.")] = False,
) -> None:
    """Check broker, Redis and storage from here, and storage and API from a worker.

    With --live: try what the documentation says of the service, against the service itself.
    """
    wishes = Wishes(spend=spend, record=record, force=force, webhook=webhook, listen=listen)
    if live:
        examine_service(wishes, yes=yes, as_json=as_json)
        return
    if yes or wishes != Wishes():
        raise InvalidRequest(
            "--spend, --record, --force, --webhook, --listen and --yes need --live. Add it."
        )
    with connected() as conveyor:
        checks = examine(conveyor, timeout)
    ok = all(check.ok for check in checks)
    if as_json:
        typer.echo(json.dumps({"ok": ok, "checks": [asdict(check) for check in checks]}, indent=2))
    else:
        console.show_rows(console.stdout(), _HEADER, map(_row, checks))
    if not ok:
        raise typer.Exit(1)


def _row(check: Check) -> tuple[str, ...]:
    state = ("warning" if check.warning else "ok") if check.ok else "FAILED"
    return (state, check.where, check.name, check.detail)
