"""Whether the promises were kept: the sandbox's audit, the callers, the broker, the files."""

from __future__ import annotations

import time
import zipfile
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import redis

from chaos import broker, money, secrets
from chaos.fleet import Fleet
from chaos.load import Load
from chaos.rules import Rules
from conveyor import Conveyor
from conveyor.domain.conversion import State
from conveyor.ledger import Entry

__all__ = ["Findings", "judge"]

# Dead workers acknowledge nothing.
_SETTLE_DEAD_S: Final = 2.0
# Valkey's clock, and ours on the same machine.
_CLOCKS_S: Final = 1.0
_MOST_LINES: Final = 3
# What a client never does, beside what has a column of its own.
_COUNTED: Final = (
    *("polls_during_submit", "reposted_after_paid", "misplaced_parameters", "credentials_astray"),
)


@dataclass(frozen=True)
class Findings:
    """What was found, as in `Verdict`."""

    lost: int
    duplicates: int
    violations: int
    mistold: int
    late: int
    broken: tuple[str, ...]
    notes: tuple[str, ...]


def judge(
    fleet: Fleet, conveyor: Conveyor, client: redis.Redis, load: Load, rules: Rules
) -> Findings:
    """Judge a fleet whose fault has passed and whose callers were waited for.

    Args:
        fleet: The fleet.
        conveyor: The web application's.
        client: Valkey, beside the proxy.
        load: The conversions.
        rules: What the case allows.
    """
    broken, notes = _unacknowledged(conveyor, client, load, rules)
    entries = tuple(conveyor.ledger.find_many([*load.outcomes]))
    ends, expected = _ends(load, entries, rules)
    again, excused = _callbacks(load, rules)
    audit = fleet.service.audit()
    ended = {load.name_of(entry.id): entry.conversion for entry in entries}
    mistold = money.mistold(ended, fleet.service.charges())
    broken += [*ends, *again, *_files(fleet, entries, rules), *_counted(audit, rules)]
    broken += [*_dates(load, entries), *secrets.leaks(fleet, load, entries), *_some(mistold)]
    # Whom the fault has ended is running again by now.
    broken += [f"{each.name} has ended" for each in fleet.workers if each.exit_status is not None]
    return Findings(
        lost=_lost(load),
        duplicates=audit["paid_duplicates"],
        violations=audit["overlapping_polls"] + audit["early_polls"],
        mistold=len(mistold),
        late=sum(_took_s(entry) > rules.deadline_s for entry in entries),
        broken=tuple(broken),
        notes=(*notes, *expected, *excused),
    )


def _lost(load: Load) -> int:
    two = sum(
        (outcome.state is State.SUCCEEDED) != (outcome.status == "SUCCESS")
        for outcome in load.outcomes.values()
    )
    return len(load.waiting) + two


def _ends(load: Load, entries: Sequence[Entry], rules: Rules) -> tuple[list[str], list[str]]:
    """Most faults are no reason to fail: each passes."""
    kinds = Counter(entry.failure.kind for entry in entries if entry.failure)
    expected = [f"{count} ended as {kind}" for kind, count in kinds.items() if kind in rules.ends]
    broken = [f"{count} ended as {kind}" for kind, count in kinds.items() if kind not in rules.ends]
    texts = Counter(
        entry.failure.message
        for entry in entries
        if entry.failure and entry.failure.kind not in rules.ends
    )
    broken += [f"{count} times: {text[:300]}" for text, count in texts.most_common(_MOST_LINES)]
    if load.premature:
        broken.append(f"{len(load.premature)} callers were told of an end before there was one")
    return broken, expected


def _callbacks(load: Load, rules: Rules) -> tuple[list[str], list[str]]:
    # Those of a failed conversion have none to follow it.
    succeeded = {each for each, end in load.outcomes.items() if end.state is State.SUCCEEDED}
    called = {each: times for each, times in load.called().items() if each in succeeded}
    never = sum(times == 0 for times in called.values())
    again = sum(times > 1 for times in called.values())
    broken = [f"{never} of {len(called)} callbacks never fired"] if never else []
    told = [f"{again} of {len(called)} callbacks fired again"] if again else []
    return (broken, told) if rules.crashes else ([*broken, *told], [])


def _counted(audit: Mapping[str, Any], rules: Rules) -> list[str]:
    found = {name: audit[name] for name in _COUNTED if name not in rules.counted}
    return [f"{name}: {count}" for name, count in found.items() if count]


def _dates(load: Load, entries: Iterable[Entry]) -> list[str]:
    """No host's clock has dated anything."""
    first, last = load.began - _CLOCKS_S, time.time() + _CLOCKS_S
    foreign = sum(
        not first <= entry.created_at <= (entry.finished_at or last) <= last for entry in entries
    )
    return [f"{foreign} are dated by another clock than Valkey's"] if foreign else []


def _took_s(entry: Entry) -> float:
    return (entry.finished_at or time.time()) - entry.created_at


def _some(lines: Sequence[str]) -> list[str]:
    left = len(lines) - _MOST_LINES
    return [*lines[:_MOST_LINES], *([f"and {left} more"] if left > 0 else [])]


def _unacknowledged(
    conveyor: Conveyor, client: redis.Redis, load: Load, rules: Rules
) -> tuple[list[str], list[str]]:
    """Every message ends; those of dead workers do when they come back, and change nothing."""
    notes: list[str] = []
    left = broker.settle(client, _SETTLE_DEAD_S if rules.crashes else rules.settle_s)
    if left and rules.crashes:
        marks = load.entries.marks()
        broker.pass_visibility_timeout(conveyor.celery_app)
        notes.append(f"{left} messages came back after the visibility time-out")
        left = broker.settle(client, rules.settle_s)
        if not load.waiting and marks != load.entries.marks():
            return ["a message that came back changed a conversion that had ended"], notes
    return [f"{left} messages were never acknowledged"] if left else [], notes


def _files(fleet: Fleet, entries: Iterable[Entry], rules: Rules) -> list[str]:
    """Every result is a whole file, and nothing else is left."""
    counts = (0, 1) if rules.is_empty else (1,)
    spoilt = 0
    for entry in entries:
        files = entry.conversion.files
        is_whole = len(files) in counts and all(_is_whole(each.uri, each.size) for each in files)
        spoilt += entry.state is State.SUCCEEDED and not is_whole
    parts = list(fleet.storage.rglob("*.part"))
    broken = [f"{spoilt} results are no whole files"] if spoilt else []
    if parts:
        broken.append(f"{len(parts)} parts of files are left: {parts[0].name}")
    return broken


def _is_whole(uri: str, size: int) -> bool:
    path = Path(unquote(urlsplit(uri).path))
    if not path.is_file() or path.stat().st_size != size or not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return archive.testzip() is None
