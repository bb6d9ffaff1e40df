"""Delivery: the result's files are stored, and the outcome goes to the caller."""

from __future__ import annotations

import time
from contextlib import suppress

import structlog
from celery.exceptions import Ignore

from conveyor.domain.answers import Finished, PollAnswer, Result, SubmitAnswer
from conveyor.domain.conversion import State
from conveyor.ledger import Entry, Tenure
from conveyor.ledger.delivery_lease import Lease
from conveyor.messaging import bells
from conveyor.messaging.recipient import Recipient
from workers.heartbeat import Work
from workers.remnants import remove_remnants
from workers.reporting import report_outcome
from workers.services import Services
from workers.storing import store

__all__ = ["bring", "follow", "is_plain", "lease_for"]

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
        bring(services, lease, work, Recipient.of(services.publisher.app, services.backend, entry))


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
        entry = store(services, lease, work)
    if not entry.state.is_final:
        raise Ignore
    remove_remnants(services, entry)
    return entry
