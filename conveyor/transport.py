"""kombu's Redis transport and Celery's result backend, for processes that outlive both."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from typing import Any, ClassVar, Final

import redis
from celery.backends import redis as celery_redis
from kombu.transport import redis as kombu_redis

from conveyor.ledger import options_of
from conveyor.servers import SCHEMES, ServerUrl, is_redis_url

__all__ = ["BACKENDS", "Backend", "Transport", "transport_of"]

BACKENDS: Final = dict.fromkeys(SCHEMES, "conveyor.transport:Backend")
"""For a Celery app's loader: who keeps results, by the scheme of the result backend's URL."""


def transport_of(broker_url: str) -> str | None:
    """Which transport an app shall use.

    Args:
        broker_url: Where its broker is.

    Returns:
        Ours for Redis; None where Celery shall choose.
    """
    return "conveyor.transport:Transport" if is_redis_url(broker_url) else None


# In redis-py's words.
_LOST: Final = "occurred while watching"

log = logging.getLogger(__name__)


class _Client(redis.Redis):
    def transaction(self, func: Any, *watches: Any, **_options: Any) -> Any:
        """Try a transaction again while others change what it watches, and only then.

        redis-py takes a lost connection for a changed key, too, and begins anew at once: handing
        messages back to a server that refuses writes would never end, and pause never.

        Args:
            func: As redis-py has it.
            watches: Keys.

        Raises:
            ConnectionError: The connection was lost on the way.
        """

        with self.pipeline(True) as pipe:
            while True:
                try:
                    pipe.watch(*watches)
                    func(pipe)
                    return pipe.execute()
                except redis.WatchError as error:
                    if _LOST in str(error):
                        raise redis.ConnectionError(str(error)) from error


class Channel(kombu_redis.Channel):
    """A channel that is told to be closed like any other that has lost its connection.

    Its connections say that they are lost where the server answers that it can't serve just now:
    Celery's consumer then tries to connect, with growing pauses, until it can.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # kombu's own ping is answered by a server that takes no writes, too: without a pause a
        # worker would connect to it, be refused, and connect again. This writes nothing.
        try:
            self.client.setrange(self.unacked_mutex_key, 0, "")
        except redis.RedisError:
            self.connection.cycle.discard(self)
            self._disconnect_pools()
            raise

    def _get_client(self) -> Any:
        return _Client

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
        server = ServerUrl.parse(self.connection.client.hostname)
        params = {
            **options_of(server, self.socket_timeout, self.socket_connect_timeout),
            "max_connections": self.max_connections,
            "health_check_interval": self.health_check_interval,
            "client_name": self.client_name,
        }
        if asynchronous:
            params["connection_class"] = _watched(params["connection_class"], self)
        return params


    def close(self) -> None:
        """Close it. What can't be handed back now is handed back when its time has come.

        Celery 5.7 may have put the connection away by then, and logs a traceback for what is said.
        """
        with suppress(redis.ConnectionError, redis.TimeoutError):
            super().close()

    def basic_ack(self, delivery_tag: str, multiple: bool = False) -> None:
        """Acknowledge a message; where the broker is away it comes again, which harms nobody.

        Args:
            delivery_tag: The message's.
            multiple: As kombu has it.
        """
        with _given_up("acknowledged"):
            super().basic_ack(delivery_tag, multiple)

    def basic_reject(self, delivery_tag: str, requeue: bool = False) -> None:
        """Give a message back; where the broker is away it comes again by itself.

        Args:
            delivery_tag: The message's.
            requeue: Whether it goes back into its queue.
        """
        with _given_up("given back"):
            super().basic_reject(delivery_tag, requeue)


@contextmanager
def _given_up(what: str) -> Iterator[None]:
    """kombu would log a traceback for each message, and do no more about it."""
    try:
        yield
    except (redis.ConnectionError, redis.TimeoutError) as error:
        log.warning("A message could not be %s, and will come again: %s", what, error)


def _watched(kind: Any, channel: Channel) -> Any:
    """Connections that the event loop no longer looks at once they are lost, as kombu's own."""

    class Connection(kind):  # type: ignore[misc] # made anew for each pool
        def disconnect(self, *args: Any, **kwargs: Any) -> None:
            super().disconnect(*args, **kwargs)
            if channel._registered:  # noqa: SLF001 - as in kombu
                channel._on_connection_disconnect(self)  # type: ignore[no-untyped-call]  # noqa: SLF001

    return Connection


class Transport(kombu_redis.Transport):
    """The transport of an app that is ours: its URLs are those of `ServerUrl`."""

    Channel = Channel
    can_parse_url: ClassVar = True
    # kombu would read the URL as its own; no option of ours has a publication repeated unasked.
    supports_batch_publish: ClassVar = True

    def as_uri(self, uri: str, include_password: bool = False, mask: str = "**") -> str:  # noqa: ARG002 - kombu's signature
        """Show where the broker is.

        Args:
            uri: As it was given.
            include_password: Whether to show credentials, too.
            mask: Not used: credentials are left out whole.
        """
        return uri if include_password else ServerUrl.parse(uri).address


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
