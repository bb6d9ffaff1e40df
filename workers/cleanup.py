"""The clean-up: any worker deletes leftovers of conversions at the service.

Nobody waits for a DELETE: neither a caller nor a task. They are sent by threads of each worker's
main process, so a service that never answers them holds none of the workers' slots (invariant I4).
What fails comes again, after longer and longer waits, for as long as the service keeps it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import structlog

from conveyor.convertapi.client import ConvertApi
from conveyor.convertapi.errors import ApiError, ComeLater, Refused, WrongHost
from conveyor.domain import retries
from conveyor.domain.answers import Finished, PollAnswer, Started, SubmitAnswer
from conveyor.domain.conversion import State
from conveyor.ledger import Entry
from conveyor.ledger.left_behind import everything_of
from conveyor.ledger.leftover import Leftover
from workers.remnants import ended_unwanted, remove_results
from workers.services import Services
from workers.wiring import wired

__all__ = ["EVERY_S", "THREADS", "clean_up", "leave_if_cancelled"]

EVERY_S: Final = 2.0

THREADS: Final = 4
"""How many DELETEs a worker sends at the same time."""

_BATCH: Final = 8
# Of a batch no DELETE is begun later, so that the lease covers the last one.
_BEGIN_WITHIN_S: Final = 30.0
_GONE: Final = 410
# The whole service is overloaded. Others that ask for patience, like 409, mean this one thing.
_THROTTLES: Final = frozenset({429, 503})
# A gateway may deliver a POST minutes after everybody has given it up: with the waits between them,
# so many DELETEs outlast it. Before that a 404 does not say that the job will never be there.
_UNSEEN_TRIES: Final = 6

log = structlog.get_logger("conveyor.cleanup")


def clean_up() -> None:
    """Delete what is due, batch by batch, until nothing is, or a DELETE fails.

    Raises:
        LedgerUnavailable: Redis can't be reached. What was claimed is due again after its lease.
    """
    services = wired()
    while batch := services.ledger.leftovers.claim(_BATCH, _lease_s(services)):
        if not _work_off(services, batch):
            return


def leave_if_cancelled(services: Services, entry: Entry, answer: SubmitAnswer | PollAnswer) -> None:
    """Schedule the deletion of a result that came after its conversion was cancelled or deleted.

    The process that delivered the cancellation could not know of it. What the answer itself has
    brought is in the storage by now, and is removed.

    Args:
        services: What the process works with.
        entry: The conversion, as it was when the request began.
        answer: The answer.

    Raises:
        LedgerUnavailable: Redis can't be reached.
    """
    brought = _brought(entry, answer)
    if brought is None:
        return
    current = services.ledger.find(entry.id)
    if current is None or current.state is State.CANCELLED:
        services.ledger.leftovers.add(everything_of(brought, age_s=0))
    if _has_kept(brought) and ended_unwanted(services, entry.id, current):
        remove_results(services, entry.id)


def _brought(entry: Entry, answer: SubmitAnswer | PollAnswer) -> Entry | None:
    match answer:
        case Started(job_id):
            return replace(entry, job_id=job_id, confirmed=True)
        case Finished(result):
            return replace(entry, result=result, confirmed=True)
        case _:
            return None


def _has_kept(entry: Entry) -> bool:
    """Whether an answer has brought files itself, which were stored as they came."""
    return entry.result is not None and any(file.kept for file in entry.result.files)


def _lease_s(services: Services) -> float:
    """Longer than a batch may take, should the last DELETE of it never be answered."""
    settings = services.settings
    return _BEGIN_WITHIN_S + 2 * (
        settings.connect_timeout_seconds + settings.answer_timeout_seconds
    )


def _work_off(services: Services, batch: Sequence[Leftover]) -> bool:
    """Delete a batch, one after the other. Returns whether to go on with the next.

    The first failure ends it: a service in trouble is asked a few times a second and no more, and
    what else was claimed goes to a thread that is not stuck.
    """
    leftovers = services.ledger.leftovers
    begun, rest, gone = time.monotonic(), list(batch), []
    wait_s = None
    while rest and wait_s is None and time.monotonic() - begun < _BEGIN_WITHIN_S:
        leftover = rest.pop(0)
        wait_s = _delete(services, leftover)
        if wait_s is None:
            gone.append(leftover)
        else:
            leftovers.later(leftover, wait_s)
    leftovers.done(gone)
    leftovers.give_back(rest)
    return wait_s is None


def _delete(services: Services, leftover: Leftover) -> float | None:
    """Send one DELETE. Returns the seconds until the next; None where there shall be none."""
    wait_s = retries.retry_delete(services.spacing_s, leftover.failures)
    try:
        if _send(services.api, leftover) or leftover.seen or leftover.failures + 1 >= _UNSEEN_TRIES:
            return None
        reason = "the job may still arrive"
    except ComeLater as error:
        reason, wait_s = str(error), _be_patient(services, error, wait_s)
    except WrongHost as error:
        # The client would not send it: the record was changed, or is another fleet's.
        log.warning("never_deleted", reason=str(error))
        services.ledger.leftovers.give_up([leftover])
        return None
    except ApiError as error:
        if isinstance(error, Refused) and error.status == _GONE:
            return None
        reason = str(error)
    except Exception as error:  # noqa: BLE001 - one that can't be sent must not keep the others
        # The text of an unexpected error may hold an address (invariant I5).
        reason = type(error).__name__
    log.info("not_deleted", reason=reason, failures=leftover.failures + 1, wait_s=round(wait_s, 2))
    return wait_s


def _send(api: ConvertApi, leftover: Leftover) -> bool:
    if leftover.job_id:
        return api.delete_job(leftover.base_url, leftover.dialect, leftover.job_id)
    url = leftover.url
    return api.delete_file(api.base_url + url if url.startswith("/") else url)


def _be_patient(services: Services, error: ComeLater, wait_s: float) -> float:
    """The wait that the service asks for; where it is overloaded, everybody keeps it."""
    asked_s = min(error.retry_after_s or 0.0, retries.MAX_DELETE_S)
    if error.status in _THROTTLES:
        services.ledger.leftovers.pause(asked_s or services.spacing_s)
    return max(asked_s, wait_s)
