"""Celery's Redis result backend, for workers that outlive their Redis."""

from __future__ import annotations

import logging
from functools import cached_property
from typing import Any

from celery.backends import redis as celery_redis
from celery.states import SUCCESS

from conveyor.domain.servers import ServerUrl
from conveyor.ledger import options_of
from conveyor.ledger.together import Together
from conveyor.messaging.errbacks import call_errbacks

__all__ = ["Backend"]

log = logging.getLogger(__name__)


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
            options: As Celery has them.
        """
        if isinstance(exc, self.connection_errors):
            log.warning("A result could not be stored, and will be again: %r", exc)
            return
        super().mark_as_failure(task_id, exc, *args, **options)

    def _store_result(
        self,
        task_id: str,
        result: Any,
        state: str,
        traceback: str | None = None,
        request: Any = None,
        **options: Any,
    ) -> Any:
        """Store it. A success is stored without a look at what was there: it may replace anything.

        Celery looks, so that nothing replaces a success. That is a round trip for each result.
        """
        if state != SUCCESS:
            return super()._store_result(task_id, result, state, traceback, request, **options)
        meta = self._get_result_meta(
            result=result, state=state, traceback=traceback, request=request
        )
        self.set(self.get_key_for_task(task_id), self.encode({**meta, "task_id": task_id}))
        return result

    def get(self, key: str) -> Any:
        """A result as it is stored, asked for with those of other threads."""
        (stored,) = self._together.send([("GET", key)])
        return stored

    def _set(self, key: str, value: Any, expires: int | None = None) -> None:
        """Store a result, and tell whoever waits for it, with those of other threads."""
        keep_s = self.expires if expires is None else expires
        stored = ("SETEX", key, keep_s, value) if keep_s else ("SET", key, value)
        self._together.send([stored, ("PUBLISH", key, value)])

    @cached_property
    def _together(self) -> Together:
        return Together(self.client)

    def as_uri(self, include_password: bool = False) -> str:
        """Show where results are kept.

        Args:
            include_password: Whether to show credentials, too.
        """
        return str(self.url) if include_password else self._server.address

    @cached_property
    def _server(self) -> ServerUrl:
        return ServerUrl.parse(self.url)

    def _params_from_url(self, url: str, defaults: dict[str, Any]) -> dict[str, Any]:
        answer_s, connect_s = defaults["socket_timeout"], defaults["socket_connect_timeout"]
        return {
            "max_connections": defaults["max_connections"],
            **options_of(ServerUrl.parse(url), answer_s, connect_s),
        }

    def _call_task_errbacks(self, request: Any, exc: BaseException, _traceback: Any) -> None:
        call_errbacks(self.app, request, exc)
