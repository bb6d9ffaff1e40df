"""``conveyor doctor``."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer

from conveyor.cli import console
from conveyor.cli.session import connected
from conveyor.doctor import WORKER_TIMEOUT_S, Check, examine

__all__ = ["doctor"]

_HEADER = ("state", "where", "part", "what was found")


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    timeout: Annotated[
        float, typer.Option(metavar="SECONDS", min=0.1, help="How long a worker may take.")
    ] = WORKER_TIMEOUT_S,
) -> None:
    """Check broker, Redis and storage from here, and storage and API from a worker."""
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
