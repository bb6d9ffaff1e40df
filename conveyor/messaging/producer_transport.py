"""The transport that a web request publishes through: a broker that hangs shows within seconds."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from conveyor.ledger.faults import TimedOut
from conveyor.messaging.transport import Channel, Transport

__all__ = ["ProducerTransport"]

# Longer than what kombu tries in a row, shorter than anybody waits.
_SILENT_S: Final = 1.0


class _Silence:
    """When a server was last silent for longer than it may be."""

    def __init__(self) -> None:
        self._since: dict[str, float] = {}

    def check(self, url: str) -> None:
        """Fail at once where the server was silent a moment ago.

        Args:
            url: The server's.

        Raises:
            TimedOut: It was.
        """
        if time.monotonic() - self._since.get(url, -math.inf) < _SILENT_S:
            raise TimedOut("the broker did not answer a moment ago")

    @contextmanager
    def noted(self, url: str) -> Iterator[None]:
        """Note it if the server is silent while the block asks it.

        Args:
            url: The server's.
        """
        try:
            yield
        except TimedOut:
            self._since[url] = time.monotonic()
            raise


_SILENCE: Final = _Silence()


class ProducerChannel(Channel):
    """A channel that a web request publishes through.

    kombu tries silence again and again, each time for the whole time-out. Here what comes right
    after a silence fails at once, so that a broker that hangs shows within seconds.
    """

    def __init__(self, connection: Any, **kwargs: Any) -> None:
        url = connection.client.hostname
        _SILENCE.check(url)
        with _SILENCE.noted(url):
            super().__init__(connection, **kwargs)

    def _put(self, queue: str, message: Any, **kwargs: Any) -> None:
        with _SILENCE.noted(self.connection.client.hostname):
            super()._put(queue, message, **kwargs)

    def _put_fanout(self, exchange: str, message: Any, routing_key: str, **kwargs: Any) -> None:
        with _SILENCE.noted(self.connection.client.hostname):
            super()._put_fanout(exchange, message, routing_key, **kwargs)


class ProducerTransport(Transport):
    """The transport of an app that a web request publishes through."""

    Channel = ProducerChannel
