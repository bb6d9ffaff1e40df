"""Sources that only a worker can read: brought to the service before the submit."""

from __future__ import annotations

from functools import partial
from typing import Final

from conveyor import schedule
from conveyor.conversion import Failure, FailureKind
from conveyor.decision import failure_of
from conveyor.errors import InvalidRequest, StorageError
from conveyor.ledger import Entry
from conveyor.protocol import ApiError, Refused
from conveyor.protocol.outcomes import Failed
from conveyor.sources import SourceKind
from workers.wiring import Engine

__all__ = ["bring_sources", "failure_of_source"]

# The service keeps an upload for at most three hours; one that is nearly as old is made again.
_UPLOAD_LIFE_S: Final = schedule.FILE_LIFE_S - 1800


def bring_sources(engine: Engine, entry: Entry) -> Entry:
    """Upload what only a worker can read; what was uploaded before is not uploaded again.

    Args:
        engine: The parts.
        entry: The conversion.

    Returns:
        The entry, which knows the FileIds.

    Raises:
        InvalidRequest: A source is missing, empty, or not for workers to read.
        StorageError: One can't be read just now.
        ApiError: The service did not take one.
    """
    request, fresh = entry.request, entry.since_s(entry.uploaded_at) < _UPLOAD_LIFE_S
    known = dict(entry.uploads) if fresh else {}
    missing = [
        str(place)
        for place, source in enumerate(request.sources)
        if source.kind is SourceKind.STORED and str(place) not in known
    ]
    for place in missing:
        source = request.sources[int(place)]
        known[place] = engine.api.upload(
            source.name, partial(engine.storage.open_source, source.value)
        )
    if not missing:
        return entry
    return (
        engine.ledger.uploaded(entry, known, engine.api.base_url, engine.governor.account) or entry
    )


def failure_of_source(error: InvalidRequest | StorageError | ApiError) -> Failure | None:
    """What can't be mended by trying again.

    Args:
        error: From `bring_sources`.

    Returns:
        The failure; None where it is worth another try.
    """
    if isinstance(error, InvalidRequest):
        return Failure(FailureKind.INPUT, str(error))
    if isinstance(error, Refused):
        return failure_of(Failed(error.status, error.code, error.message))
    return None
