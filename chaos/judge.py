"""Whether the promises were kept: the sandbox's audit, the callers, the broker, the files."""

from __future__ import annotations

import zipfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import redis

from chaos import broker
from chaos.fleet import Fleet
from chaos.load import Load
from conveyor import Conveyor
from conveyor.conversion import State

__all__ = ["Verdict", "judge"]

# Live workers hold countdowns that nobody awaits any more; dead ones acknowledge nothing.
_SETTLE_S: Final = 30.0
_SETTLE_DEAD_S: Final = 2.0


@dataclass(frozen=True)
class Verdict:
    """A case's end.

    Attributes:
        case: Its name.
        dialect: In which it ran.
        conversions: How many were in flight when the fault struck.
        lost: Whose caller never learnt the outcome, or learnt two different ones.
        duplicates: Conversions that were paid again.
        violations: Polls that overlapped, or came too early.
        recovered_s: From the fault's end to the last outcome; None if one never came.
        broken: Further promises that were broken, in words.
        notes: Figures that belong to the case.
    """

    case: str
    dialect: str
    conversions: int
    lost: int
    duplicates: int
    violations: int
    recovered_s: float | None
    broken: tuple[str, ...] = field(default=())
    notes: tuple[str, ...] = field(default=())

    @property
    def is_kept(self) -> bool:
        """Whether every promise was kept."""
        return not (self.lost or self.duplicates or self.violations or self.broken)


def judge(
    fleet: Fleet, conveyor: Conveyor, client: redis.Redis, load: Load, *, crashes: bool
) -> tuple[dict[str, Any], int, list[str], list[str]]:
    """Judge a fleet whose fault has passed and whose callers were waited for.

    Args:
        fleet: The fleet.
        conveyor: The web application's.
        client: Valkey, beside the proxy.
        load: The conversions.
        crashes: Whether the fault may strike between a callback and the note of it.

    Returns:
        The audit, how many conversions were lost, what else was broken, and what is worth knowing.
    """
    broken, notes = _unacknowledged(conveyor, client, load, crashes=crashes)
    broken += _ends(load) + _files(fleet, conveyor, load)
    # Whom the fault has ended is running again by now.
    broken += [f"{each.name} has ended" for each in fleet.workers if each.exit_status is not None]
    called = load.called()
    never = sum(times == 0 for times in called.values())
    again = sum(times > 1 for times in called.values())
    if never:
        broken.append(f"{never} of {len(called)} callbacks never fired")
    if again:
        (notes if crashes else broken).append(f"{again} of {len(called)} callbacks fired again")
    return fleet.service.audit(), _lost(load), broken, notes


def _lost(load: Load) -> int:
    two = sum(
        (outcome.state is State.SUCCEEDED) != (outcome.status == "SUCCESS")
        for outcome in load.outcomes.values()
    )
    return len(load.waiting) + two


def _ends(load: Load) -> list[str]:
    """None of the faults is a reason to fail: each passes."""
    ends = Counter(each.state for each in load.outcomes.values())
    ends.pop(State.SUCCEEDED, None)
    broken = [f"{count} ended as {state}" for state, count in ends.items()]
    if load.premature:
        broken.append(f"{len(load.premature)} callers were told of an end before there was one")
    return broken


def _unacknowledged(
    conveyor: Conveyor, client: redis.Redis, load: Load, *, crashes: bool
) -> tuple[list[str], list[str]]:
    """Every message ends; those of dead workers do when they come back, and change nothing."""
    notes: list[str] = []
    left = broker.settle(client, _SETTLE_DEAD_S if crashes else _SETTLE_S)
    if left and crashes:
        marks = load.marks()
        broker.pass_visibility_timeout(conveyor.celery_app)
        notes.append(f"{left} messages came back after the visibility time-out")
        left = broker.settle(client, _SETTLE_S)
        if not load.waiting and marks != load.marks():
            return ["a message that came back changed a conversion that had ended"], notes
    return [f"{left} messages were never acknowledged"] if left else [], notes


def _files(fleet: Fleet, conveyor: Conveyor, load: Load) -> list[str]:
    """Every result is a whole file, and nothing else is left."""
    spoilt = []
    ended = [each for each, outcome in load.outcomes.items() if outcome.state is State.SUCCEEDED]
    for entry in conveyor.ledger.find_many(ended):
        files = entry.conversion.files
        if len(files) != 1 or not all(_is_whole(each.uri, each.size) for each in files):
            spoilt.append(entry.id)
    parts = list((fleet.directory / "files").rglob("*.part"))
    broken = [f"{len(spoilt)} results are no whole files"] if spoilt else []
    if parts:
        broken.append(f"{len(parts)} parts of files are left: {parts[0].name}")
    return broken


def _is_whole(uri: str, size: int) -> bool:
    path = Path(unquote(urlsplit(uri).path))
    if not path.is_file() or path.stat().st_size != size or not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return archive.testzip() is None
