"""`ConversionTask`: what every task of Conveyor shares, so that its body speaks the protocol alone.

It owns the log context and the mapping of faults: Redis away or the broker away is no failure of a
conversion, so the message waits and comes again.
"""

from __future__ import annotations

from typing import Any, Final

import structlog
from celery import Task

from conveyor.errors import LedgerUnavailable
from workers.wiring import Engine, engine

__all__ = ["ConversionTask"]

_RETRY_S: Final = 5


class ConversionTask(Task):  # type: ignore[misc] # Celery ships no types
    """The base of all tasks; `workers.start` makes it the application's."""

    abstract = True
    autoretry_for = (LedgerUnavailable,)
    max_retries = None
    default_retry_delay = _RETRY_S

    @property
    def engine(self) -> Engine:
        """The parts that a task works with."""
        return engine()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run with the conversion's id in every log line."""
        with structlog.contextvars.bound_contextvars(
            conversion_id=self._conversion_id(args, kwargs), task=self.name
        ):
            return super().__call__(*args, **kwargs)

    def _conversion_id(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
        """The wake-ups' first argument; an entry task's own id is the conversion's."""
        if self.request.root_id != self.request.id and args and isinstance(args[0], str):
            return args[0]
        return str(kwargs.get("conversion_id") or self.request.id)
