"""Celery's consumer, which outlives its broker."""

from __future__ import annotations

from contextlib import suppress

from celery.worker import consumer

__all__ = ["Consumer"]


class Consumer(consumer.Consumer):  # type: ignore[misc] # Celery ships no type information
    """Goes on where Celery 5.7's would end the worker."""

    def on_connection_error_after_connected(self, exc: Exception) -> None:
        """Let go of a connection that has broken, before another is made.

        Celery closes it twice. kombu's first try may break off before it hands back what is not
        acknowledged, which a worker that holds countdowns always has; the second then misses what
        the first has put away, and its ``AttributeError`` is none that Celery expects. What was
        not handed back stays in ``unacked`` until the visibility time-out, and the sweep does not
        wait for that.

        Args:
            exc: How it broke.
        """
        with suppress(AttributeError):
            super().on_connection_error_after_connected(exc)
