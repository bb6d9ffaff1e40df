"""The fleet as rows of text, and as plain values for ``--json``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from conveyor.cli.console import Column
from conveyor.cli.text import age_text, count, duration_text, one_line
from conveyor.domain.conversion import State

if TYPE_CHECKING:
    from conveyor.diagnosis.fleet_report import FleetReport, Worker
    from conveyor.ledger.accounts import AccountStatus
    from conveyor.watching.fleet import Fleet, Status

__all__ = ["COLUMNS", "plain_of", "rows"]

COLUMNS: Final = (Column("part"), Column("what"), Column("how it stands", least=20, folds=True))

_RUNNING: Final = (State.QUEUED, State.CONVERTING, State.READY)
_ENDED: Final = (State.SUCCEEDED, State.FAILED, State.EXPIRED, State.CANCELLED)

Row = tuple[str, str, str]


def rows(report: FleetReport) -> list[Row]:
    """Tell how the fleet stands, for people.

    Args:
        report: The fleet.

    Returns:
        Part, what of it, and how it stands. On each line the part is named.
    """
    found = [
        *_conversions(report.fleet),
        *_oldest(report.oldest),
        *(
            ("dead letters", kind.value, f"{number:,}")
            for kind, number in report.fleet.dead.items()
            if number
        ),
        *(("queues", name, count(length, "message")) for name, length in report.queues.items()),
        *(("accounts", account.account, _account(account)) for account in report.fleet.accounts),
        *(("workers", worker.node, _worker(worker)) for worker in report.workers),
        *(("problem", "-", problem) for problem in report.problems),
    ]
    return [(part, one_line(what), one_line(how)) for part, what, how in found]


def plain_of(report: FleetReport) -> dict[str, Any]:
    """Tell how the fleet stands, for programs.

    Args:
        report: The fleet.

    Returns:
        Plain values by stable names.
    """
    fleet = report.fleet
    oldest = report.oldest
    return {
        "states": {state.value: fleet.states[state] for state in State},
        "throughput": list(fleet.throughput),
        "oldest": oldest and {**oldest.conversion.to_dict(), "note": oldest.progress.note},
        "oldest_overdue_s": fleet.oldest_overdue_s,
        "dead": {kind.value: number for kind, number in fleet.dead.items()},
        "queues": dict(report.queues),
        "accounts": [asdict(account) for account in fleet.accounts],
        "workers": [asdict(worker) for worker in report.workers],
        "unreadable": fleet.unreadable,
        "lost": fleet.lost,
        "newer": fleet.newer,
        "leftovers": fleet.leftovers,
        "problems": list(report.problems),
        "is_whole": report.is_whole,
    }


def _conversions(fleet: Fleet) -> Iterator[Row]:
    yield "conversions", "now", _numbers(fleet, _RUNNING)
    yield "conversions", "7 days", _numbers(fleet, _ENDED)
    lately = sum(fleet.throughput)
    minutes = len(fleet.throughput)
    yield (
        "conversions",
        f"{minutes} minutes",
        f"{lately:,} succeeded, {lately / max(minutes, 1):.1f} a minute",
    )


def _numbers(fleet: Fleet, states: Iterable[State]) -> str:
    return ", ".join(f"{fleet.states[state]:,} {state.value}" for state in states)


def _oldest(oldest: Status | None) -> Iterator[Row]:
    if oldest is None:
        return
    conversion, progress = oldest.conversion, oldest.progress
    what = conversion.source_name or f"{conversion.from_format} to {conversion.to_format}"
    note = f": {progress.note}" if progress.note else ""
    yield "oldest", conversion.id, f"queued for {age_text(progress.elapsed_s)}, {what}{note}"


def _account(account: AccountStatus) -> str:
    if account.held:
        return f"on hold for {duration_text(account.held_s)}: {account.held}"
    rate = "" if account.rate is None else f", {account.rate:.1f} submits a second"
    return f"{count(account.jobs, 'job')}{rate}"


def _worker(worker: Worker) -> str:
    if worker.slots is None:
        return "says nothing of itself"
    return f"release {worker.release or 'unknown'}, {worker.busy} of {worker.slots} slots busy"
