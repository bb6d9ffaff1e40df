"""Storing: the files of a result are fetched into the storage, and noted."""

from __future__ import annotations

import structlog
from celery.exceptions import Ignore

from conveyor.convertapi.errors import ApiError
from conveyor.domain.answers import RemoteFile
from conveyor.domain.conversion import StoredFile
from conveyor.errors import StorageError
from conveyor.ledger import Entry
from conveyor.ledger.delivery_lease import Lease
from conveyor.storage import unique_names
from conveyor.storage.marker import OtherStorage
from workers.downloads import Fetched, fetch
from workers.heartbeat import Work
from workers.remnants import ended_unwanted, remove_results
from workers.services import Services
from workers.unstored import come_again_or_give_up

__all__ = ["store"]

log = structlog.get_logger("conveyor.deliver")


def store(services: Services, lease: Lease, work: Work) -> Entry:
    """Stream every file of a result into the storage, and note it.

    Args:
        services: What the process works with.
        lease: The delivery's.
        work: What the heartbeat keeps.

    Returns:
        The conversion: with its files, or as it is after a fault that ended it.

    Raises:
        Ignore: The delivery comes again later, or another has it by now.
    """
    entry = lease.entry
    try:
        services.marker.check()
        stored = _fetch(services, entry, work)
        # It may have been unmounted meanwhile: then the files lie in an empty folder of the host.
        services.marker.check()
    except (StorageError, ApiError) as error:
        return come_again_or_give_up(services, entry, _true_cause(services, error))
    files = [each.file for each in stored]
    log.info(
        "stored",
        files=len(files),
        size=sum(file.size for file in files),
        cost=entry.cost,
        polls=entry.polls,
        age_s=round(entry.job_age_s, 2),
    )
    noted = services.ledger.succeeded(
        entry,
        files,
        note=" ".join(f"{each.file.name}: {each.note}" for each in stored if each.note),
        # Refused where our lease has lapsed, or it was cancelled meanwhile.
        delivery=lease.token,
    )
    if noted is not None:
        return noted
    current = services.ledger.find(entry.id)
    if ended_unwanted(services, entry.id, current):
        # Also where another has told its caller, and has cleaned up before we were done.
        remove_results(services, entry.id)
    if current is None or not lease.renew():
        raise Ignore
    return current


def _true_cause(services: Services, error: StorageError | ApiError) -> StorageError | ApiError:
    """What went wrong in a storage that is another by now went wrong because of that."""
    if isinstance(error, StorageError):
        try:
            services.marker.check(anew=True)
        except OtherStorage as other:
            return other
        except StorageError:
            return error
    return error


def _fetch(services: Services, entry: Entry, work: Work) -> list[Fetched]:
    """Fetch what is not stored yet; each file is noted, so that a repeat goes on from there."""
    remote_files = entry.result.files if entry.result else ()
    # What came in an answer itself has its name already.
    taken = [remote.kept.name for remote in remote_files if remote.kept]
    safe_names = unique_names([*taken, *(remote.name for remote in remote_files)])[len(taken) :]
    stored: list[Fetched] = []
    for place, (remote, name) in enumerate(zip(remote_files, safe_names, strict=True)):
        known = remote.kept or _known(services, entry, place)
        if known is not None:
            stored.append(Fetched(known))
            continue
        stored.append(_fetch_one(services, entry, work, remote, name))
        if place + 1 < len(remote_files):
            services.ledger.stored(entry, place, stored[-1].file)
    return stored


def _fetch_one(
    services: Services, entry: Entry, work: Work, remote: RemoteFile, name: str
) -> Fetched:
    return fetch(
        services.api,
        services.storage,
        entry.id,
        remote,
        name,
        services.settings.max_file_bytes,
        on_try=lambda: work.may_take(services.most_file_s),
    )


def _known(services: Services, entry: Entry, place: int) -> StoredFile | None:
    """A file of an earlier delivery, if it still lies there as it was stored."""
    file = entry.stored.get(place)
    return file if file is not None and services.storage.holds(file) else None
