"""`conveyor.deliver`: bring the outcome to the caller. Runs under the id that the caller got."""

from __future__ import annotations

from typing import Any, Final

import structlog
from celery.exceptions import Ignore

from conveyor import names, schedule, wakeups
from conveyor.conversion import Failure, FailureKind, State, StoredFile
from conveyor.errors import ConversionFailed, StorageError
from conveyor.lease import Lease
from conveyor.ledger import Entry
from conveyor.protocol import ApiError, ComeLater, RemoteFile
from conveyor.storage import unique_names
from conveyor.storage.marker import OtherStorage
from workers.app import app
from workers.base import ConversionTask
from workers.downloads import Fetched, fetch
from workers.pulse import Work
from workers.telling import leave_nothing_to_celery, tell
from workers.wiring import Engine

# The service asks for patience, or the operator has something to repair.
_NO_FAULTS: Final = (ComeLater, OtherStorage)

log = structlog.get_logger("conveyor.deliver")


class DeliverTask(ConversionTask):
    """Tells the caller itself, so that Celery has nothing to do when it ends."""

    abstract = True

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run; whatever becomes of it, Celery stores nothing and calls nobody back.

        It logs the outcome, and sends its events.
        """
        try:
            return super().__call__(*args, **kwargs)
        finally:
            leave_nothing_to_celery(self.request)


# Acknowledged late, as all: a repeat fetches the files again, or returns what is stored.
# Its result is the caller's; a failed conversion is no fault of the task, hence `throws`.
@app.task(bind=True, shared=False, base=DeliverTask, name=names.DELIVER, throws=(ConversionFailed,))
def deliver(self: ConversionTask, conversion_id: str) -> dict[str, Any]:
    """Store the files, or say why there are none, and tell the caller.

    Args:
        self: The task.
        conversion_id: The conversion.

    Returns:
        ``Conversion.to_dict()``: what ``AsyncResult.get()`` and the next in a chain get.

    Raises:
        ConversionFailed: It has ended without files.
        Ignore: The message is an old one: the caller knows already, or it has not ended.
    """
    lease = self.engine.deliveries.acquire(conversion_id)
    if lease is None:
        # Another delivers it. If that one has died, the sweep sends another message.
        raise Ignore
    try:
        most_s = self.engine.most_file_s
        with self.engine.pulse.keeps(conversion_id, lease.renew, most_s) as work:
            entry = _end(self.engine, lease, work)
            work.may_take(self.engine.most_answer_s)
            tell(self.engine, self, lease, entry)
    except BaseException:
        lease.release()
        raise
    entry.conversion.raise_if_failed()
    return entry.conversion.to_dict()


def _end(engine: Engine, lease: Lease, work: Work) -> Entry:
    """Bring the conversion to its end.

    Raises:
        Ignore: It has not ended, the caller knows, or the lease has lapsed: another tells it.
    """
    entry = lease.entry
    if entry.told:
        # A message that comes a second time.
        raise Ignore
    if entry.state is State.READY:
        entry = _store(engine, lease, work)
    if not entry.state.is_final or not lease.renew():
        raise Ignore
    _clean_up(engine, entry)
    return entry


def _store(engine: Engine, lease: Lease, work: Work) -> Entry:
    """Stream every file to the storage and note it; on a fault come again later, or give up."""
    entry = lease.entry
    try:
        engine.marker.check()
        stored = _fetch(engine, entry, work)
        # It may have been unmounted meanwhile: then the files lie in an empty folder of the host.
        engine.marker.check()
    except (StorageError, ApiError) as error:
        return _come_again(engine, entry, _true_cause(engine, error))
    files = [each.file for each in stored]
    log.info("stored", files=len(files), size=sum(file.size for file in files))
    noted = engine.ledger.succeeded(
        entry,
        files,
        note=" ".join(f"{each.file.name}: {each.note}" for each in stored if each.note),
        # Refused where our lease has lapsed, or it was cancelled meanwhile.
        delivery=lease.token,
    )
    if noted is not None:
        return noted
    current = engine.ledger.get(entry.id)
    if current.state is State.CANCELLED:
        # Also where another has told its caller, and has cleaned up before we were done.
        _remove_results(engine, entry.id)
    return current


def _true_cause(engine: Engine, error: StorageError | ApiError) -> StorageError | ApiError:
    """What went wrong in a storage that is another by now went wrong because of that."""
    if isinstance(error, StorageError):
        try:
            engine.marker.check(anew=True)
        except OtherStorage as other:
            return other
        except StorageError:
            return error
    return error


def _fetch(engine: Engine, entry: Entry, work: Work) -> list[Fetched]:
    """Fetch what is not stored yet; each file is noted, so that a repeat goes on from there."""
    remote_files = entry.result.files if entry.result else ()
    # What came in an answer itself has its name already.
    taken = [remote.kept.name for remote in remote_files if remote.kept]
    safe_names = unique_names([*taken, *(remote.name for remote in remote_files)])[len(taken) :]
    stored: list[Fetched] = []
    for place, (remote, name) in enumerate(zip(remote_files, safe_names, strict=True)):
        known = remote.kept or _known(engine, entry, place)
        if known is not None:
            stored.append(Fetched(known))
            continue
        stored.append(_fetch_one(engine, entry, work, remote, name))
        if place + 1 < len(remote_files):
            engine.ledger.stored(entry, place, stored[-1].file)
    return stored


def _fetch_one(engine: Engine, entry: Entry, work: Work, remote: RemoteFile, name: str) -> Fetched:
    return fetch(
        engine.api,
        engine.storage,
        entry.id,
        remote,
        name,
        engine.settings.max_file_bytes,
        on_try=lambda: work.may_take(engine.most_file_s),
    )


def _known(engine: Engine, entry: Entry, place: int) -> StoredFile | None:
    """A file of an earlier delivery, if it still lies there as it was stored."""
    file = entry.stored.get(place)
    return file if file is not None and engine.storage.holds(file) else None


def _come_again(engine: Engine, entry: Entry, error: StorageError | ApiError) -> Entry:
    if _is_hopeless(engine, entry, error):
        return _give_up(engine, entry, error)
    delay_s = _delay_s(engine, entry, error)
    log.warning("store_delayed", reason=str(error), delay_s=round(delay_s, 2))
    held = engine.ledger.hold(
        *(entry, delay_s, f"the result could not be stored: {error}"),
        fault=not isinstance(error, _NO_FAULTS),
    )
    # A countdown would end too early for a long wait that the service asks for: the sweep comes.
    if held is not None and delay_s <= schedule.MAX_FALLBACK_S:
        wakeups.deliver(engine.publisher, held, delay_s)
    raise Ignore


def _delay_s(engine: Engine, entry: Entry, error: StorageError | ApiError) -> float:
    if isinstance(error, OtherStorage):
        return schedule.for_another(entry.deliveries)
    delay_s = schedule.retry_storage(engine.spacing_s, entry.faults)
    return max(delay_s, error.retry_after_s or 0) if isinstance(error, ComeLater) else delay_s


def _is_hopeless(engine: Engine, entry: Entry, error: StorageError | ApiError) -> bool:
    """What is no fault is waited out for as long as the service keeps the result."""
    if isinstance(error, OtherStorage) and not _is_at_the_service(entry):
        return entry.result_age_s > engine.limits.hold_s
    if isinstance(error, _NO_FAULTS):
        return _is_gone(entry)
    return entry.faults >= engine.settings.storage_retries


def _give_up(engine: Engine, entry: Entry, error: StorageError | ApiError) -> Entry:
    log.error("store_given_up", reason=str(error))
    waited = isinstance(error, OtherStorage) or not isinstance(error, StorageError)
    if waited and _is_at_the_service(entry) and _is_gone(entry):
        message = "ConvertAPI no longer keeps the paid result. A replay converts, and pays, again."
        failure = Failure(FailureKind.EXPIRED, message)
        return engine.ledger.expired(entry, failure) or engine.ledger.get(entry.id)
    kind = FailureKind.STORAGE if isinstance(error, StorageError) else FailureKind.SERVICE
    said = str(error).rstrip(".")
    message = (
        f"{said[:1].upper()}{said[1:]}. The result has been paid: a replay within three hours "
        "fetches it."
    )
    return engine.ledger.failed(entry, Failure(kind, message)) or engine.ledger.get(entry.id)


def _is_at_the_service(entry: Entry) -> bool:
    """Whether a file is to be fetched; what came in an answer itself lies in the storage."""
    return entry.result is None or not all(remote.kept for remote in entry.result.files)


def _is_gone(entry: Entry) -> bool:
    return entry.result_age_s > schedule.FILE_LIFE_S


def _clean_up(engine: Engine, entry: Entry) -> None:
    """Leave no parts of files, nor a staged source that is done with.

    What is left at the service is noted with the step that tells the caller (`told`), so nobody
    waits for a DELETE. A dead letter keeps its source, for a replay. A signature's is kept for its
    next run.
    """
    done_with = entry.state in (State.SUCCEEDED, State.CANCELLED) and not entry.shared
    try:
        engine.marker.check()
    except StorageError:
        # A worker that has the right storage removes them.
        if done_with:
            engine.staging.give_back(entry.request.addresses)
        return
    if entry.deliveries > 1:
        engine.storage.remove_partials(entry.id)
    if done_with:
        engine.storage.remove_staged(entry.request.addresses)
    if entry.state is State.CANCELLED:
        _remove_results(engine, entry.id)


def _remove_results(engine: Engine, conversion_id: str) -> None:
    """Remove what a cancelled conversion has stored."""
    try:
        engine.storage.remove_results(conversion_id)
    except StorageError as error:
        log.warning("results_left", reason=str(error))
