"""`conveyor.deliver`: bring the outcome to the caller. Runs under the id that the caller got."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

import structlog
from celery.exceptions import Ignore, Reject, Retry
from celery.states import SUCCESS

from conveyor import names, schedule
from conveyor.conversion import Failure, FailureKind, State, StoredFile
from conveyor.errors import ConversionCancelled, ConversionFailed, StorageError
from conveyor.ledger import Entry
from conveyor.protocol import ApiError, RemoteFile, Unclear
from conveyor.storage import unique_names
from workers.app import app
from workers.base import ConversionTask
from workers.wiring import Engine

log = structlog.get_logger("conveyor.deliver")


class DeliverTask(ConversionTask):
    """Notes that the caller knows, once Celery has stored the result and run the callbacks."""

    abstract = True

    def after_return(self, status: str, retval: Any, task_id: str, *_: Any) -> None:
        """Take the conversion off the list of those whose caller waits, and end the lease.

        Args:
            status: How the task ended.
            retval: What it returned or raised.
            task_id: The conversion.
        """
        cancelled = isinstance(retval, ConversionCancelled)
        self.engine.ledger.told(
            task_id,
            is_dead=status != SUCCESS and not cancelled,
            delivery=self.engine.deliveries.hand_over(task_id),
        )


# Acknowledged late, as all: a repeat fetches the files again, or returns what is stored.
# Its result is the caller's; a failed conversion is no fault of the task, hence `throws`.
@app.task(bind=True, shared=False, base=DeliverTask, name=names.DELIVER, throws=(ConversionFailed,))
def deliver(self: ConversionTask, conversion_id: str) -> dict[str, Any]:
    """Store the files, or say why there are none.

    Args:
        self: The task.
        conversion_id: The conversion.

    Returns:
        ``Conversion.to_dict()``: what ``AsyncResult.get()`` and the next in a chain get.

    Raises:
        ConversionFailed: It has ended without files.
        Ignore: The message is an old one: the caller knows already, or it has not ended.
    """
    deliveries = self.engine.deliveries
    entry = deliveries.acquire(conversion_id)
    if entry is None:
        # Another delivers it. If that one has died, the sweep sends another message.
        raise Ignore
    try:
        with self.engine.pulse.keeps(conversion_id, partial(deliveries.renew, conversion_id)):
            return _deliver(self, self.engine, entry)
    except (Ignore, Reject, Retry):
        deliveries.release(conversion_id)
        raise


def _deliver(task: ConversionTask, engine: Engine, entry: Entry) -> dict[str, Any]:
    if entry.told:
        # A message that comes a second time: the callbacks have run.
        raise Ignore
    if entry.state is State.READY:
        entry = _store(task, engine, entry)
    if not entry.state.is_final:
        raise Ignore
    _clean_up(engine, entry)
    entry.conversion.raise_if_failed()
    return entry.conversion.to_dict()


def _store(task: ConversionTask, engine: Engine, entry: Entry) -> Entry:
    """Stream every file to the storage and note it; on a fault come again later, or give up."""
    try:
        files = _fetch(engine, entry)
    except (StorageError, ApiError) as error:
        return _come_again(task, engine, entry, error)
    log.info("stored", files=len(files), size=sum(file.size for file in files))
    return engine.ledger.succeeded(entry, files) or engine.ledger.get(entry.id)


def _fetch(engine: Engine, entry: Entry) -> tuple[StoredFile, ...]:
    """Fetch what is not stored yet; each file is noted, so that a repeat goes on from there."""
    remote_files = entry.result.files if entry.result else ()
    # What came in an answer itself has its name already.
    taken = [remote.kept.name for remote in remote_files if remote.kept]
    safe_names = unique_names([*taken, *(remote.name for remote in remote_files)])[len(taken) :]
    stored: list[StoredFile] = []
    for place, (remote, name) in enumerate(zip(remote_files, safe_names, strict=True)):
        known = remote.kept or _known(engine, entry, place)
        stored.append(known or _fetch_one(engine, entry.id, remote, name))
        if known is None and place + 1 < len(remote_files):
            engine.ledger.stored(entry, tuple(stored))
    return tuple(stored)


def _known(engine: Engine, entry: Entry, place: int) -> StoredFile | None:
    """A file of an earlier delivery, if it still lies there as it was stored."""
    if place >= len(entry.files) or not engine.storage.holds(entry.files[place]):
        return None
    return entry.files[place]


def _fetch_one(engine: Engine, conversion_id: str, remote: RemoteFile, name: str) -> StoredFile:
    with engine.api.download(remote.url) as download:
        chunks = _whole(download.chunks, remote.size, engine.settings.max_file_bytes)
        return engine.storage.save(conversion_id, name, chunks)


def _whole(chunks: Iterable[bytes], size: int | None, most: int) -> Iterator[bytes]:
    """Pass a download on, and refuse one that is too large, or that only looks complete."""
    seen = 0
    for chunk in chunks:
        seen += len(chunk)
        if seen > most:
            raise StorageError(
                f"The result is larger than {most} bytes: raise CONVEYOR_MAX_FILE_BYTES."
            )
        yield chunk
    if size is not None and seen != size:
        raise Unclear(f"the download has {seen} bytes, and the file {size}")


def _come_again(
    task: ConversionTask, engine: Engine, entry: Entry, error: StorageError | ApiError
) -> Entry:
    attempt = task.request.retries
    note = f"the result could not be stored: {error}"
    if attempt < engine.settings.storage_retries:
        delay_s = schedule.retry_storage(engine.spacing_s, attempt)
        log.warning("store_delayed", reason=str(error), delay_s=round(delay_s, 2))
        engine.ledger.hold(entry, delay_s, note)
        raise task.retry(countdown=delay_s, exc=error, max_retries=None)
    log.error("store_given_up", reason=str(error))
    if not isinstance(error, StorageError) and _is_gone(entry):
        message = "ConvertAPI no longer keeps the paid result. A replay converts, and pays, again."
        failure = Failure(FailureKind.EXPIRED, message)
        return engine.ledger.expired(entry, failure) or engine.ledger.get(entry.id)
    kind = FailureKind.STORAGE if isinstance(error, StorageError) else FailureKind.SERVICE
    message = f"{error} The result has been paid: a replay within three hours fetches it."
    return engine.ledger.failed(entry, Failure(kind, message)) or engine.ledger.get(entry.id)


def _is_gone(entry: Entry) -> bool:
    return time.time() - (entry.ready_at or 0) > schedule.FILE_LIFE_S


def _clean_up(engine: Engine, entry: Entry) -> None:
    """Leave nothing at the service, nor parts of files, nor a staged source that is done with.

    What is not removed here the service removes by itself, within three hours. A dead letter keeps
    its source, for a replay, and its result at the service, if it has one.
    """
    if entry.deliveries > 1:
        engine.storage.remove_partials(entry.id)
    if entry.state in (State.SUCCEEDED, State.CANCELLED):
        engine.storage.remove_staged(source.value for source in entry.request.sources)
        remote_files = entry.result.files if entry.result else ()
        if entry.job_id:
            _quietly(engine.api.delete_job, entry.base_url, entry.dialect, entry.job_id)
        for remote in remote_files:
            if remote.url:
                _quietly(engine.api.delete_file, remote.url)
    for file_id in entry.uploads.values():
        _quietly(engine.api.delete_file, f"{entry.base_url or engine.api.base_url}/d/{file_id}")


def _quietly(delete: Any, *args: Any) -> None:
    try:
        delete(*args)
    except ApiError as error:
        log.info("not_deleted", reason=str(error))
