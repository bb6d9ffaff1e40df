"""kombu's Redis transport and Celery's result backend, for processes that outlive both."""

from __future__ import annotations

import logging
from typing import Any, Final
from urllib.parse import urlsplit

import redis
from celery.backends import redis as celery_redis
from kombu.transport import redis as kombu_redis

from conveyor.errbacks import call_errbacks
from conveyor.ledger import outliving

__all__ = ["BACKENDS", "Backend", "Transport", "transport_of"]

_SCHEMES: Final = ("redis", "rediss")

BACKENDS: Final = dict.fromkeys(_SCHEMES, "conveyor.transport:Backend")
"""For a Celery app's loader: who keeps results, by the scheme of the result backend's URL."""


def transport_of(broker_url: str) -> str | None:
    """Which transport an app shall use.

    Args:
        broker_url: Where its broker is.

    Returns:
        Ours for Redis; None where Celery shall choose.
    """
    return "conveyor.transport:Transport" if urlsplit(broker_url).scheme in _SCHEMES else None


log = logging.getLogger(__name__)


class Channel(kombu_redis.Channel):
    """A channel that is told to be closed like any other that has lost its connection."""

    def _connparams(self, asynchronous: bool = False) -> dict[str, Any]:
        """Where to connect to.

        Celery 5.7 puts a broken connection away while its channel is still used: closed once more,
        to hand back the countdowns that the worker holds, and to acknowledge what a pool's thread
        has done meanwhile. kombu 5.7 then misses what was put away, and its ``AttributeError`` ends
        the worker. A lost connection is what Celery expects here.

        Raises:
            ConnectionError: redis-py's; the connection was put away.
        """
        if self.connection.client is None:
            raise redis.ConnectionError("The connection to the broker is closed.")
        params: dict[str, Any] = super()._connparams(asynchronous)  # type: ignore[no-untyped-call]
        # A primary that was switched is a lost connection, too; kombu knows what to do then.
        return {**params, "connection_class": outliving(params["connection_class"])}


class Transport(kombu_redis.Transport):
    """The transport of an app that is ours."""

    Channel = Channel


class Backend(celery_redis.RedisBackend):  # type: ignore[misc] # Celery ships no types
    """The workers' result backend: it retries where the primary was switched, and may be away."""

    def mark_as_failure(self, task_id: str, exc: BaseException, *args: Any, **options: Any) -> None:
        """Note a failure, and why not where it is none.

        Where a result can't be stored, Celery 5.7 takes that for a failure of the task, and stores
        it: a caller would be told that a conversion has failed which has succeeded. As long as the
        backend is away that raises, too, and in a pool of threads nobody hears of it: the message
        is never acknowledged, and a worker that has drawn as many as it has threads draws no more.

        Args:
            task_id: The task.
            exc: What was raised.
            args: As Celery has them.
            options: The same.
        """
        if isinstance(exc, self.connection_errors):
            log.warning("A result could not be stored, and will be again: %r", exc)
            return
        super().mark_as_failure(task_id, exc, *args, **options)

    def _call_task_errbacks(self, request: Any, exc: BaseException, _traceback: Any) -> None:
        call_errbacks(self.app, request, exc)

    def _get_pool(self, **params: Any) -> Any:
        kind = params.get("connection_class", redis.Connection)
        return super()._get_pool(**{**params, "connection_class": outliving(kind)})
