"""Delivery: the result's files are stored, and the outcome goes to the caller."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Final

import structlog
from celery.exceptions import Ignore

from conveyor.convertapi.errors import ApiError, ComeLater
from conveyor.domain import retries, rules
from conveyor.domain.answers import Finished, PollAnswer, RemoteFile, Result, SubmitAnswer
from conveyor.domain.conversion import Failure, FailureKind, State, StoredFile
from conveyor.errors import StorageError
from conveyor.ledger import Entry, Tenure
from conveyor.ledger.delivery_lease import Lease
from conveyor.messaging import bells
from conveyor.storage import unique_names
from conveyor.storage.marker import OtherStorage
from conveyor.storage.names import staged_tokens
from workers.downloads import Fetched, fetch
from workers.heartbeat import Work
from workers.reporting import Recipient, report_outcome
from workers.wiring import Services

__all__ = ["bring", "follow", "is_plain", "lease_for"]

# The service asks for patience, or the operator has something to repair.
_NO_FAULTS: Final = (ComeLater, OtherStorage)

log = structlog.get_logger("conveyor.deliver")


def bring(services: Services, lease: Lease, work: Work, to: Recipient) -> Entry:
    """Bring a conversion's outcome to its caller: store the files, or say why there are none.

    Args:
        services: What the process works with.
        lease: The delivery's, which ends with it.
        work: What the heartbeat keeps.
        to: Who gets it.

    Returns:
        The conversion, at its end.

    Raises:
        Ignore: It has not ended, the caller knows, or another delivers it by now.
    """
    began = time.monotonic()
    try:
        work.may_take(services.most_file_s)
        entry = _end(services, lease, work)
        work.may_take(services.most_answer_s)
        report_outcome(services, to, lease, entry)
    except BaseException:
        lease.release()
        raise
    services.announcer.delivered(entry.conversion, time.monotonic() - began)
    return entry


def lease_for(services: Services, entry: Entry, answer: SubmitAnswer | PollAnswer) -> Tenure | None:
    """Make a lease to begin with the note of a result that is delivered in the same breath.

    Args:
        services: What the process works with.
        entry: The conversion, as it was when the request began.
        answer: The answer.

    Returns:
        What the note needs to know; None where the answer holds no result, or ``conveyor.deliver``
        brings it.
    """
    if not isinstance(answer, Finished) or entry.caller.is_called_back:
        return None
    if not _is_small(answer.result, services.settings.small_bytes):
        return None
    return services.deliveries.taking()


def is_plain(services: Services, entry: Entry) -> bool:
    """Whether an outcome is small and has no callbacks.

    Then whoever has noted it brings it to its caller in the same breath. Anything else goes through
    ``conveyor.deliver``, under the caller's task id, so that large files hold up no poll.

    Args:
        services: What the process works with.
        entry: The conversion, ready or ended.
    """
    if entry.caller.is_called_back:
        return False
    if entry.state.is_final or entry.result is None:
        return True
    return _is_small(entry.result, services.settings.small_bytes)


def _is_small(result: Result, most_bytes: int) -> bool:
    fetched = [remote for remote in result.files if not remote.kept]
    return all(remote.size is not None for remote in fetched) and (
        sum(remote.size or 0 for remote in fetched) <= most_bytes
    )


def follow(services: Services, entry: Entry | None, taking: Tenure | None = None) -> None:
    """Bring the outcome on its way that an answer has brought, if it has brought one.

    Args:
        services: What the process works with.
        entry: The conversion, as it was noted; None where it was not.
        taking: The lease that was begun with the note, where one was.

    Raises:
        LedgerUnavailable: Redis can't be reached.
        OperationalError: The broker did not take the message.
    """
    if entry is None or entry.state in (State.QUEUED, State.CONVERTING):
        return
    if not is_plain(services, entry):
        bells.deliver(services.publisher, entry)
        return
    lease = (
        services.deliveries.acquire(entry.id)
        if taking is None
        else services.deliveries.taken(entry, taking)
    )
    if lease is None:
        return
    with services.heartbeat.renewing(lease) as work, suppress(Ignore):
        bring(services, lease, work, Recipient.of(services, entry))


def _end(services: Services, lease: Lease, work: Work) -> Entry:
    """Bring the conversion to its end.

    Raises:
        Ignore: It has not ended, the caller knows, or the lease has lapsed: another tells it.
    """
    entry = lease.entry
    if entry.delivered:
        # A message that comes a second time.
        raise Ignore
    if entry.state is State.READY:
        entry = _store(services, lease, work)
    if not entry.state.is_final:
        raise Ignore
    _clean_up(services, entry)
    return entry


def _store(services: Services, lease: Lease, work: Work) -> Entry:
    """Stream every file to the storage and note it; on a fault come again later, or give up."""
    entry = lease.entry
    try:
        services.marker.check()
        stored = _fetch(services, entry, work)
        # It may have been unmounted meanwhile: then the files lie in an empty folder of the host.
        services.marker.check()
    except (StorageError, ApiError) as error:
        return _come_again(services, entry, _true_cause(services, error))
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
    current = services.ledger.get(entry.id)
    if current.state is State.CANCELLED:
        # Also where another has told its caller, and has cleaned up before we were done.
        _remove_results(services, entry.id)
    if not lease.renew():
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


def _come_again(services: Services, entry: Entry, error: StorageError | ApiError) -> Entry:
    if _is_hopeless(services, entry, error):
        return _give_up(services, entry, error)
    delay_s = _delay_s(services, entry, error)
    log.warning("store_delayed", reason=str(error), delay_s=round(delay_s, 2))
    services.ledger.deliver_later(
        *(entry, delay_s, f"the result could not be stored: {error}"),
        fault=not isinstance(error, _NO_FAULTS),
    )
    raise Ignore


def _delay_s(services: Services, entry: Entry, error: StorageError | ApiError) -> float:
    if isinstance(error, OtherStorage):
        return retries.for_another(entry.deliveries)
    delay_s = retries.retry_storage(services.spacing_s, entry.faults)
    return max(delay_s, error.retry_after_s or 0) if isinstance(error, ComeLater) else delay_s


def _is_hopeless(services: Services, entry: Entry, error: StorageError | ApiError) -> bool:
    """What is no fault is waited out for as long as the service keeps the result."""
    if isinstance(error, OtherStorage) and not _is_at_the_service(entry):
        return entry.result_age_s > services.limits.hold_s
    if isinstance(error, _NO_FAULTS):
        return _is_gone(entry)
    return entry.faults >= services.settings.storage_retries


def _give_up(services: Services, entry: Entry, error: StorageError | ApiError) -> Entry:
    log.error("store_given_up", reason=str(error))
    waited = isinstance(error, OtherStorage) or not isinstance(error, StorageError)
    if waited and _is_at_the_service(entry) and _is_gone(entry):
        message = "ConvertAPI no longer keeps the paid result. A replay converts and pays again."
        failure = Failure(FailureKind.EXPIRED, message)
        return services.ledger.expired(entry, failure) or services.ledger.get(entry.id)
    kind = FailureKind.STORAGE if isinstance(error, StorageError) else FailureKind.SERVICE
    said = str(error).rstrip(".")
    message = (
        f"{said[:1].upper()}{said[1:]}. The result is paid. Replay it within three hours to fetch "
        "it."
    )
    return services.ledger.failed(entry, Failure(kind, message)) or services.ledger.get(entry.id)


def _is_at_the_service(entry: Entry) -> bool:
    """Whether a file is to be fetched; what came in an answer itself lies in the storage."""
    return entry.result is None or not all(remote.kept for remote in entry.result.files)


def _is_gone(entry: Entry) -> bool:
    return entry.result_age_s > rules.FILE_LIFE_S


def _clean_up(services: Services, entry: Entry) -> None:
    """Leave no parts of files, nor a staged source that is done with.

    What is left at the service is noted with the last step (`delivered`), so nobody
    waits for a DELETE. A dead letter keeps its source, for a replay. A signature's is kept for its
    next run.
    """
    done_with = entry.state in (State.SUCCEEDED, State.CANCELLED) and not entry.shared
    is_cancelled = entry.state is State.CANCELLED
    staged = done_with and staged_tokens(entry.request.addresses)
    if not (staged or is_cancelled or entry.deliveries > 1):
        return
    try:
        services.marker.check()
    except StorageError:
        # A worker that has the right storage removes them.
        if done_with:
            services.staging.give_back(entry.request.addresses)
        return
    if entry.deliveries > 1:
        services.storage.remove_partials(entry.id)
    if done_with:
        services.storage.remove_staged(entry.request.addresses)
    if is_cancelled:
        _remove_results(services, entry.id)


def _remove_results(services: Services, conversion_id: str) -> None:
    """Remove what a cancelled conversion has stored."""
    try:
        services.storage.remove_results(conversion_id)
    except StorageError as error:
        log.warning("results_not_removed", reason=str(error))
