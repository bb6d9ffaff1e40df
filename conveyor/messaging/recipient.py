"""Who gets an outcome: the caller's Celery request, and where its result is stored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

from celery import Celery
from celery.app.task import Context

from conveyor.ledger import Entry

__all__ = ["Recipient"]


@dataclass(frozen=True, slots=True)
class Recipient:
    """Who gets an outcome.

    Attributes:
        app: Through which the caller's next steps are sent.
        backend: Where the result is stored.
        request: Celery's, with the caller's task id and canvas.
    """

    app: Celery
    backend: Any
    request: Context

    @classmethod
    def of(cls, app: Celery, backend: Any, entry: Entry) -> Self:
        """The caller of a conversion, as the ledger knows it.

        Args:
            app: Through which the caller's next steps are sent.
            backend: Where the result is stored.
            entry: The conversion.
        """
        options = entry.caller.options()
        group = options.pop("group_id")
        request = Context(id=entry.id, group=group, delivery_info={}, **options)
        return cls(app, backend, request)
