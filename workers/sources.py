"""Attachments that only a worker can read: brought to the service before the submit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Final

from conveyor.convertapi.errors import ApiError, Refused
from conveyor.domain import rules
from conveyor.domain.answers import Failed
from conveyor.domain.conversion import Failure, FailureKind
from conveyor.domain.failures import failure_of
from conveyor.domain.sources import Source, SourceKind
from conveyor.errors import InvalidRequest, StorageError
from conveyor.ledger import Entry
from conveyor.ledger.left_behind import uploads_of
from conveyor.storage.marker import OtherStorage
from conveyor.storage.names import staged_tokens
from workers.remnants import ended_unwanted
from workers.services import Services

__all__ = ["bring_sources", "failure_of_source"]

# The service keeps an upload for at most three hours; one that is nearly as old is made again.
_UPLOAD_LIFE_S: Final = rules.FILE_LIFE_S - 1800


def bring_sources(services: Services, entry: Entry) -> Entry:
    """Upload what only a worker can read; what was uploaded before is not uploaded again.

    Args:
        services: What the process works with.
        entry: The conversion.

    Returns:
        The entry, which knows the FileIds.

    Raises:
        InvalidRequest: An attachment is missing, empty, or not for workers to read.
        StorageError: One can't be read just now.
        ApiError: The service did not take one.
    """
    known = _usable(services, entry)
    missing = {
        key: source
        for key, source in entry.request.attachments.items()
        if source.kind is SourceKind.STORED and key not in known
    }
    return _upload(services, entry, known, missing) if missing else entry


def failure_of_source(error: InvalidRequest | StorageError | ApiError) -> Failure | None:
    """What can't be mended by trying again.

    Args:
        error: From `bring_sources`.

    Returns:
        The failure; None where it is worth another try, as after a throttle.
    """
    if isinstance(error, InvalidRequest):
        return Failure(FailureKind.INPUT, str(error), reason=error.reason)
    if isinstance(error, Refused):
        return failure_of(Failed(error.status, error.code, error.message))
    return None


def _usable(services: Services, entry: Entry) -> Mapping[str, str]:
    """Earlier uploads that this host and this account still have."""
    place = (entry.uploads_host, entry.uploads_account)
    fresh = entry.since_s(entry.uploaded_at) < _UPLOAD_LIFE_S
    return entry.uploads if fresh and place == _place(services) else {}


def _upload(
    services: Services, entry: Entry, known: Mapping[str, str], missing: Mapping[str, Source]
) -> Entry:
    """Upload one after the other; what came through is noted, also where a later one does not."""
    uploads = dict(known)
    try:
        for key, source in missing.items():
            uploads[key] = _upload_one(services, source)
    finally:
        if len(uploads) > len(known):
            entry = _record(services, entry, uploads, anew=not known)
    return entry


def _upload_one(services: Services, source: Source) -> str:
    """Upload one; what lies in the storage only where that is the one in use.

    A folder that is not mounted has no files, and that is not the document's fault.
    """
    content = partial(services.storage.open_source, source.value)
    lies_here = services.storage.contains(source.value)
    if not lies_here and not staged_tokens([source.value]):
        return services.api.upload(source.name, content)
    services.marker.check()
    try:
        return services.api.upload(source.name, content)
    except InvalidRequest:
        services.marker.check(anew=True)
        if lies_here:
            raise
        raise OtherStorage(
            "The source was staged under another storage URL than this worker's. Set "
            "CONVEYOR_STORAGE_URL to the producer's value."
        ) from None


def _record(services: Services, entry: Entry, uploads: Mapping[str, str], *, anew: bool) -> Entry:
    host, account = _place(services)
    noted = services.ledger.uploaded(entry, uploads, host=host, account=account, anew=anew)
    if noted is None:
        _leave_if_unwanted(services, replace(entry, uploads=uploads, uploads_host=host))
    return noted or entry


def _leave_if_unwanted(services: Services, entry: Entry) -> None:
    """Have uploads deleted that came after their conversion was cancelled or deleted."""
    if ended_unwanted(services, entry.id, services.ledger.find(entry.id)):
        services.ledger.leftovers.add(uploads_of(entry))


def _place(services: Services) -> tuple[str, str]:
    return services.api.base_url, services.governor.account
