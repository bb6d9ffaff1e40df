"""A signature's first message: it opens the entry, or its caller learns why it can't be right."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import structlog
from celery import Task

from conveyor.domain.canvas import Caller
from conveyor.domain.request import ConversionRequest
from conveyor.domain.sources import SourceKind
from conveyor.domain.terms import Terms
from conveyor.errors import InvalidRequest
from conveyor.ledger import Entry, RevokedBefore, is_another
from conveyor.producing.fingerprint import fingerprint_of
from workers.reporting import refuse, revoke
from workers.revoking import DROPPED
from workers.services import Services

__all__ = ["accept_signature"]

_MOST_ID_CHARACTERS: Final = 200

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
        request = _checked(task.request.id, call)
        asked = asked or fingerprint_of(request)
        entry = entry or _open(task, services, request, asked, _terms_of(terms))
        _check_same(entry, asked)
    except RevokedBefore:
        revoke(task, "revoked")
    except InvalidRequest as error:
        log.warning("invalid_request", reason=str(error))
        if entry is not None:
            # Celery keeps a success, whatever comes later.
            task.backend.forget(task.request.id)
        refuse(task, error)


def _open(
    task: Task, services: Services, request: ConversionRequest, asked: str, terms: Terms
) -> Entry:
    conversion_id: str = task.request.id
    opened = services.ledger.open(
        *(conversion_id, request, Caller.of(task.request)),
        takes=services.storage.tokens_of(request.addresses),
        asked=asked,
        terms=terms.with_default(services.settings.callback),
        unless_revoked=True,
        # What is due is claimed right after, this one among it.
        rings=False,
    )
    # Another message of this id may have been first.
    return opened or services.ledger.get(conversion_id)


def _terms_of(plain: Mapping[str, Any] | None) -> Terms:
    """Read the terms of a message, which anybody may have written.

    Raises:
        InvalidRequest: They can't be right.
    """
    try:
        return Terms.from_plain(plain or {})
    except InvalidRequest:
        raise
    except (TypeError, ValueError):
        raise InvalidRequest(
            "The terms of this message are not valid. Make it with conveyor.signature()."
        ) from None


def _checked(conversion_id: str, call: tuple[Any, ...]) -> ConversionRequest:
    _check_id(conversion_id)
    return _check(ConversionRequest.build(*call))


def _check_id(conversion_id: str) -> None:
    if not conversion_id.isprintable() or len(conversion_id) > _MOST_ID_CHARACTERS:
        raise InvalidRequest(
            f"This task_id can't be a conversion's id. Use up to {_MOST_ID_CHARACTERS} printable "
            "characters."
        )


def _check_same(entry: Entry, asked: str) -> None:
    if is_another(entry.asked, asked):
        raise InvalidRequest(
            f"The task_id {entry.id!r} was used for a different conversion. Use another id. That "
            "conversion keeps running and keeps its files."
        )


def _check(request: ConversionRequest) -> ConversionRequest:
    if any(source.kind is SourceKind.LOCAL for source in request.attachments.values()):
        raise InvalidRequest(
            "A worker can't read a path on the producer's machine. Enqueue with "
            "conveyor.signature() or conveyor.convert(), which stage the file, or use an fsspec "
            "URL."
        )
    return request
