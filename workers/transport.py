"""kombu's Redis transport, whose workers outlive their broker."""

from __future__ import annotations

from typing import Any

import redis
from kombu.transport import redis as kombu_redis

__all__ = ["Transport"]


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
        return super()._connparams(asynchronous)  # type: ignore[no-any-return, no-untyped-call]


class Transport(kombu_redis.Transport):
    """The transport of the workers' broker."""

    Channel = Channel
