"""A signature's first message: it opens the entry, or its caller learns why it can't be right."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import structlog
from celery import Task
from celery.exceptions import Ignore

from conveyor.domain.canvas import Caller
from conveyor.errors import ConversionDeleted, InvalidRequest
from conveyor.ledger import RevokedBefore
from conveyor.producing.signed import Signed
from workers.reporting import refuse, revoke
from workers.revoking import DROPPED
from workers.services import Services

__all__ = ["accept_signature"]

log = structlog.get_logger("conveyor.submit")


def accept_signature(
    task: Task,
    services: Services,
    asked: str,
    call: tuple[Any, ...],
    terms: Mapping[str, Any] | None = None,
) -> None:
    """Accept a signature's conversion, or tell its caller why it can't be right.

    Its message may come twice. One of the same id that asks for something else is refused: its
    caller must not take the other's file for its own.

    Args:
        task: The task whose message it is.
        services: What the process works with.
        asked: A hash of the request, by which a repeat is told; empty where the message has none.
        call: What is asked, as `ConversionRequest.build` takes it.
        terms: What its caller wants beside it, as `Terms.plain` has it.

    Raises:
        Ignore: It was refused or revoked, and its caller knows.
        Retry: The result backend is away: the message, which is all that there is, comes back.
        LedgerUnavailable: Redis can't be reached.
    """
    entry = services.ledger.find(task.request.id)
    dropped = getattr(task.request, DROPPED, "")
    if dropped and entry is None:
        revoke(task, dropped)
    try:
        signed = Signed.read(task.request.id, call, asked, terms)
        entry = entry or signed.open(
            *(services.ledger, services.storage, Caller.of(task.request)),
            callback=services.settings.callback,
        )
        signed.check_same(entry)
    except RevokedBefore:
        revoke(task, "revoked")
    except ConversionDeleted as error:
        _refuse_deleted(task, error)
    except InvalidRequest as error:
        log.warning("invalid_request", reason=str(error))
        if entry is not None:
            # Celery keeps a success, whatever comes later.
            task.backend.forget(task.request.id)
        refuse(task, error)


def _refuse_deleted(task: Task, error: ConversionDeleted) -> None:
    """Refuse an id that was used for what was deleted since. A repeat of its message is none.

    Raises:
        Ignore: It was refused, and its caller knows. Or it is a message that came twice.
        Retry: As in `accept_signature`.
    """
    if (task.request.delivery_info or {}).get("redelivered"):
        raise Ignore
    refuse(
        task,
        InvalidRequest(
            f"The task_id {error.conversion_id!r} was used for a conversion that was deleted. Use "
            "another id."
        ),
    )
