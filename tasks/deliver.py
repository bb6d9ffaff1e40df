"""`conveyor.deliver`: bring the outcome to the caller. Runs under the id that the caller got."""

from __future__ import annotations

from functools import partial
from typing import Any

import structlog
from celery.exceptions import Ignore
from celery.states import SUCCESS

from conveyor import names, schedule, wakeups
from conveyor.conversion import Failure, FailureKind, State, StoredFile
from conveyor.errors import ConversionCancelled, ConversionFailed, StorageError
from conveyor.ledger import Entry
from conveyor.ledger.leftovers import leftovers_of
from conveyor.protocol import ApiError, ComeLater, RemoteFile
from conveyor.storage import unique_names
from workers.app import app
from workers.base import ConversionTask
from workers.downloads import Fetched, fetch
from workers.pulse import Work
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
        token, last = self.engine.deliveries.hand_over(task_id)
        self.engine.ledger.told(
            task_id,
            is_dead=status != SUCCESS and not cancelled,
            delivery=token,
            request=last.request if last else None,
            leftovers=leftovers_of(last) if last else (),
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
        renew = partial(deliveries.renew, conversion_id)
        with self.engine.pulse.keeps(conversion_id, renew, self.engine.most_file_s) as work:
            return _deliver(self.engine, entry, work)
    except ConversionFailed:
        raise
    except BaseException:
        deliveries.release(conversion_id)
        raise


def _deliver(engine: Engine, entry: Entry, work: Work) -> dict[str, Any]:
    if entry.told:
        # A message that comes a second time: the callbacks have run.
        raise Ignore
    if entry.state is State.READY:
        entry = _store(engine, entry, work)
    # Our lease may have lapsed meanwhile. Then another tells the caller.
    if not entry.state.is_final or not engine.deliveries.renew(entry.id):
        raise Ignore
    _clean_up(engine, entry)
    engine.deliveries.ended(entry)
    entry.conversion.raise_if_failed()
    return entry.conversion.to_dict()


def _store(engine: Engine, entry: Entry, work: Work) -> Entry:
    """Stream every file to the storage and note it; on a fault come again later, or give up."""
    try:
        stored = _fetch(engine, entry, work)
    except (StorageError, ApiError) as error:
        return _come_again(engine, entry, error)
    files = [each.file for each in stored]
    log.info("stored", files=len(files), size=sum(file.size for file in files))
    noted = engine.ledger.succeeded(
        entry,
        files,
        note=" ".join(f"{each.file.name}: {each.note}" for each in stored if each.note),
        # Refused where our lease has lapsed, or it was cancelled meanwhile.
        delivery=engine.deliveries.token_of(entry.id),
    )
    return noted or engine.ledger.get(entry.id)


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
    delay_s = schedule.retry_storage(engine.spacing_s, entry.faults)
    if isinstance(error, ComeLater):
        delay_s = max(delay_s, error.retry_after_s or 0)
    log.warning("store_delayed", reason=str(error), delay_s=round(delay_s, 2))
    held = engine.ledger.hold(
        *(entry, delay_s, f"the result could not be stored: {error}"),
        fault=not isinstance(error, ComeLater),
    )
    # A countdown would end too early for a long wait that the service asks for: the sweep comes.
    if held is not None and delay_s <= schedule.MAX_NET_S:
        wakeups.deliver(engine.publisher, held, delay_s)
    raise Ignore


def _is_hopeless(engine: Engine, entry: Entry, error: StorageError | ApiError) -> bool:
    """A throttle is waited out for as long as the service keeps the result; a fault is not."""
    if isinstance(error, ComeLater):
        return _is_gone(entry)
    return entry.faults >= engine.settings.storage_retries


def _give_up(engine: Engine, entry: Entry, error: StorageError | ApiError) -> Entry:
    log.error("store_given_up", reason=str(error))
    if not isinstance(error, StorageError) and _is_gone(entry):
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


def _is_gone(entry: Entry) -> bool:
    return entry.result_age_s > schedule.FILE_LIFE_S


def _clean_up(engine: Engine, entry: Entry) -> None:
    """Leave no parts of files, nor a staged source that is done with.

    What is left at the service is noted with the step that tells the caller (`told`), so nobody
    waits for a DELETE. A dead letter keeps its source, for a replay.
    """
    if entry.deliveries > 1:
        engine.storage.remove_partials(entry.id)
    if entry.state in (State.SUCCEEDED, State.CANCELLED):
        engine.storage.remove_staged(entry.request.addresses)
