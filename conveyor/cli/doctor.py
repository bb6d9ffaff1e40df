"""``conveyor doctor``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Final

import typer

from conveyor.cli import console, json_lines
from conveyor.cli.console import Column
from conveyor.cli.options import AsJson
from conveyor.cli.session import connected
from conveyor.cli.wishes import Wishes
from conveyor.diagnosis.checks import WORKER_TIMEOUT_S, Check
from conveyor.errors import InvalidRequest

__all__ = ["doctor"]

_HEADER: Final = (
    Column("state"),
    Column("where", least=12),
    Column("part"),
    Column("what was found", least=30, folds=True),
)


def doctor(  # noqa: PLR0917 - typer reads the command's options off its parameters
    as_json: AsJson = False,
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
    # Loaded here, live's client and the doctor's Celery: others need neither for their help.
    if live:
        from conveyor.cli.live import examine_service  # noqa: PLC0415 - as the comment above says

        examine_service(wishes, yes=yes, as_json=as_json)
        return
    if yes or wishes != Wishes():
        raise InvalidRequest(
            "--spend, --record, --force, --webhook, --listen and --yes need --live. Add it."
        )
    from conveyor.diagnosis.doctor import examine  # noqa: PLC0415 - as the comment above says

    with connected() as conveyor:
        checks = examine(conveyor, timeout)
    ok = all(check.ok for check in checks)
    if as_json:
        json_lines.put({"ok": ok, "checks": [asdict(check) for check in checks]})
    else:
        console.show_rows(console.stdout(), _HEADER, map(_row, checks))
    if not ok:
        raise typer.Exit(1)


def _row(check: Check) -> tuple[str, ...]:
    state = ("warning" if check.warning else "ok") if check.ok else "FAILED"
    return (state, check.where, check.name, check.detail)
