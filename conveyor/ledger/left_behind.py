"""What a conversion leaves behind at the service: its job, its results, its uploads."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from conveyor.domain.conversion import FailureKind, State
from conveyor.domain.entry import Entry
from conveyor.ledger.leftover import Leftover

__all__ = ["everything_of", "leftovers_of", "uploads_of"]

# The job of a dead letter of these kinds is over, although the service has not said that it failed.
_JOB_IS_OVER: Final = frozenset({FailureKind.EXPIRED, FailureKind.UNREADABLE})


def leftovers_of(entry: Entry) -> list[Leftover]:
    """What can be deleted at the service once a conversion has ended.

    A dead letter keeps its job and its result: a replay fetches them, or asks for them. It keeps
    its uploads as long as its job may still read them.

    Args:
        entry: The conversion, ended.

    Returns:
        What is to be deleted; perhaps nothing.
    """
    if entry.state in (State.SUCCEEDED, State.CANCELLED):
        return [*_job_of(entry), *_results_of(entry), *uploads_of(entry)]
    return [] if _may_run(entry) else uploads_of(entry)


def everything_of(entry: Entry, age_s: float) -> list[Leftover]:
    """All that a conversion may still have at the service: for one that is forgotten.

    Args:
        entry: The conversion.
        age_s: For how long it has not used any of it, seconds. What the service keeps for less
            than that is left out.

    Returns:
        What is to be deleted; perhaps nothing.
    """
    found = [*_job_of(entry), *_results_of(entry), *uploads_of(entry)]
    return [leftover for leftover in found if age_s < leftover.life_s]


def uploads_of(entry: Entry) -> list[Leftover]:
    """The uploads of a conversion, where they are."""
    return [
        Leftover(url=f"{entry.uploads_host}/d/{quote(file_id, safe='', errors='replace')}")
        for file_id in entry.uploads.values()
    ]


def _job_of(entry: Entry) -> list[Leftover]:
    """The job. A POST that is known to have started nothing is not counted in `submits`."""
    if not entry.job_id or not entry.submits:
        return []
    return [Leftover(entry.base_url, entry.dialect, entry.job_id, seen=entry.confirmed)]


def _results_of(entry: Entry) -> list[Leftover]:
    files = entry.result.files if entry.result else ()
    return [Leftover(url=remote.url) for remote in files if remote.url]


def _may_run(entry: Entry) -> bool:
    """Whether the job of a dead letter may still be at work, and read its sources."""
    failure = entry.failure
    if not entry.submits or entry.result is not None or failure is None:
        return False
    return not failure.status and failure.kind not in _JOB_IS_OVER
