"""Where the account's secret and job ids must not stand (invariant I5)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from chaos.fleet import Fleet
from chaos.load import Load
from conveyor.ledger import Entry

__all__ = ["leaks"]


def leaks(fleet: Fleet, load: Load, entries: Iterable[Entry]) -> list[str]:
    """Look for them in the workers' logs, in results, and in what may be seen of a conversion.

    Args:
        fleet: The fleet.
        load: The conversions.
        entries: Theirs; those that still hold a job id tell what to look for.

    Returns:
        Where one was found.
    """
    entries = tuple(entries)
    job_ids = {entry.job_id for entry in entries if entry.job_id}
    found = []
    for place, text in _texts(fleet, load, entries):
        if fleet.secret in text:
            found.append(f"{place} holds the account's secret")
        if any(job_id in text for job_id in job_ids):
            found.append(f"{place} holds a job id")
    return found


def _texts(fleet: Fleet, load: Load, entries: Iterable[Entry]) -> Iterator[tuple[str, str]]:
    for worker in fleet.workers:
        yield f"the log of {worker.name}", worker.log.read_text(errors="replace")
    yield "a result", "\n".join(load.results())
    seen = (json.dumps([entry.conversion.to_dict(), entry.note]) for entry in entries)
    yield "a record", "\n".join(seen)
