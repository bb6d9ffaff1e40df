"""Remnants: what a conversion leaves in the storage that nobody needs once it has ended."""

from __future__ import annotations

import structlog

from conveyor.domain.conversion import State
from conveyor.errors import StorageError
from conveyor.ledger import Entry
from conveyor.storage.names import staged_tokens
from workers.services import Services

__all__ = ["ended_unwanted", "remove_remnants", "remove_results"]

log = structlog.get_logger("conveyor.deliver")


def remove_remnants(services: Services, entry: Entry) -> None:
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
    if done_with and not services.storage.remove_staged(entry.request.addresses):
        services.staging.give_back(entry.request.addresses)
    if is_cancelled:
        remove_results(services, entry.id)


def ended_unwanted(services: Services, conversion_id: str, current: Entry | None) -> bool:
    """Whether a conversion was cancelled or deleted: what comes of it now is to be removed.

    Args:
        services: What the process works with.
        conversion_id: The conversion's id.
        current: The conversion as it is now; None where there is none.
    """
    if current is None:
        return services.ledger.deletion(conversion_id) is not None
    return current.state is State.CANCELLED


def remove_results(services: Services, conversion_id: str) -> None:
    """Remove what a cancelled conversion has stored."""
    try:
        services.storage.remove_results(conversion_id)
    except StorageError as error:
        log.warning("results_not_removed", reason=str(error))
