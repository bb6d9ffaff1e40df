"""kombu's Redis transport, for processes that outlive the broker's connections."""

from __future__ import annotations

import logging
import math
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

from kombu.transport import redis as kombu_redis

from conveyor.domain.servers import ServerUrl
from conveyor.ledger import Refused, options_of
from conveyor.ledger.faults import LostConnection, RedisError, TimedOut
from conveyor.ledger.transaction import TransactionClient

__all__ = ["Channel", "Transport"]


_FORBIDDEN_S: Final = 10.0

log = logging.getLogger(__name__)


_LEFT: Final[defaultdict[str, set[str]]] = defaultdict(set)
"""Drawn messages that a broker which could not serve did not take back, by its URL."""


_FORBIDDEN: Final[dict[str, tuple[float, str]]] = {}
"""When a broker last did not permit something, by its URL, and what it said."""


def _check_permitted(url: str) -> None:
    """Have whoever was refused a moment ago wait: it may connect, and would be refused again."""
    since, said = _FORBIDDEN.get(url, (-math.inf, ""))
    if time.monotonic() - since < _FORBIDDEN_S:
        raise LostConnection(said)


class QoS(kombu_redis.QoS):
    """The messages that a channel has received and not acknowledged."""

    def restore_unacked(self, client: Any = None) -> None:
        """Give it all back; what the broker does not take now, with the next connection.

        Args:
            client: As kombu has it.
        """
        try:
            super().restore_unacked(client)
        except (LostConnection, TimedOut):
            if self.channel.connection.client is not None:
                # Without this they would come back when their visibility time-out has run out.
                _LEFT[self.channel.connection.client.hostname] |= set(self._delivered)
            raise


class Channel(kombu_redis.Channel):
    """A channel that is told to be closed like any other that has lost its connection.

    Its connections say that they are lost where the server answers that it can't serve just now:
    Celery's consumer then tries to connect, with growing pauses, until it can.
    """

    QoS = QoS

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        _check_permitted(args[0].client.hostname)
        super().__init__(*args, **kwargs)
        # kombu's own ping is answered by a server that takes no writes, too: without a pause a
        # worker would connect to it, be refused, and connect again. This writes nothing.
        try:
            self.client.setrange(self.unacked_mutex_key, 0, "")
            self._hand_back()
        except RedisError:
            self.connection.cycle.discard(self)
            self._disconnect_pools()
            raise

    def _hand_back(self) -> None:
        """Give messages back that could not be given back when their connection was lost."""
        left = _LEFT.pop(self.connection.client.hostname, set())
        try:
            for tag in left:
                self.qos.restore_by_tag(tag)
        except RedisError:
            _LEFT[self.connection.client.hostname] |= left
            raise

    def _get_client(self) -> Any:
        return TransactionClient

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
            raise LostConnection("The connection to the broker is closed.")
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
        with suppress(LostConnection, TimedOut):
            super().close()

    def basic_ack(self, delivery_tag: str, multiple: bool = False) -> None:
        """Acknowledge a message. If the broker is down, it comes again, which does no harm.

        Args:
            delivery_tag: The message's.
            multiple: As kombu has it.
        """
        with _given_up("acknowledged"):
            super().basic_ack(delivery_tag, multiple)

    def basic_reject(self, delivery_tag: str, requeue: bool = False) -> None:
        """Return a message. If the broker is down, the message comes again anyway.

        Args:
            delivery_tag: The message's.
            requeue: Whether it goes back into its queue.
        """
        with _given_up("given back"):
            super().basic_reject(delivery_tag, requeue)


@contextmanager
def _given_up(what: str) -> Iterator[None]:
    """Kombu would log a traceback for each message, and do no more about it."""
    try:
        yield
    except (LostConnection, TimedOut) as error:
        log.warning("A message could not be %s, and will come again: %s", what, error)


def _watched(kind: Any, channel: Channel) -> Any:
    """Connections that the event loop no longer looks at once they are lost, as kombu's own."""
    url = channel.connection.client.hostname

    class Connection(kind):  # type: ignore[misc] # made anew for each pool
        """A connection that the event loop stops looking at once it is lost."""

        def _check(self, error: RedisError) -> None:
            try:
                super()._check(error)
            except Refused as refused:
                if refused.code == "NOPERM":
                    _FORBIDDEN[url] = time.monotonic(), str(refused)
                raise

        def disconnect(self, *args: Any, **kwargs: Any) -> None:
            """Close it, and have the event loop look away.

            Args:
                args: As redis-py has them.
                kwargs: As redis-py has them.
            """
            super().disconnect(*args, **kwargs)
            if channel._registered:  # noqa: SLF001 - as in kombu
                channel._on_connection_disconnect(self)  # noqa: SLF001 - the same

    return Connection


class Transport(kombu_redis.Transport):
    """The transport of an app that is ours: its URLs are those of `ServerUrl`."""

    Channel = Channel
    can_parse_url = True
    # kombu would read the URL as its own; no option of ours has a publication repeated unasked.
    supports_batch_publish = True

    def as_uri(self, uri: str, include_password: bool = False, mask: str = "**") -> str:  # noqa: ARG002 - kombu's signature
        """Show where the broker is.

        Args:
            uri: As it was given.
            include_password: Whether to show credentials, too.
            mask: Not used: credentials are left out whole.
        """
        return uri if include_password else ServerUrl.parse(uri).address
