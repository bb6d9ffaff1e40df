"""The connection to Redis, and its errors turned into ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, Final, cast

import redis
from redis.backoff import ExponentialBackoff
from redis.connection import AbstractConnection
from redis.exceptions import MasterDownError
from redis.retry import Retry

from conveyor.errors import LedgerUnavailable
from conveyor.ledger.keys import Keys
from conveyor.names import DEFAULT_NAMESPACE
from conveyor.redaction import redact_server_url

__all__ = ["Client", "Demoted", "connect", "outliving", "translated"]

# A burst of threads shares the pool: each command takes well under a millisecond.
_POOL_S: Final = 10.0
# Within the error of a transaction or of a script; and to those who wait at a list.
_DEMOTIONS: Final = ("READONLY", "UNBLOCKED")


class Demoted(redis.ConnectionError):
    """The server has become a replica and takes no writes: the connection to it was closed."""


class _Outliving(AbstractConnection):
    """A connection that outlives a planned switch of the primary.

    redis-py keeps a connection that answers ``READONLY``: after a switch a whole pool would be of
    no use for as long as the old primary lives. This one closes, and says that it is lost, so that
    whoever retries lost connections goes to where the address leads by now. Its like in the same
    pool connect anew when they are next taken: they may only read, and would read what is old.
    """

    demotions: ClassVar[int] = 0
    _connected_after = 0

    def connect(self) -> None:
        """Connect; anew, if another of its kind has met a replica since."""
        met = type(self).demotions
        if met != self._connected_after and self.is_connected:
            self.disconnect()  # type: ignore[no-untyped-call]
        super().connect()  # type: ignore[no-untyped-call]
        self._connected_after = met

    def read_response(self, *args: Any, **options: Any) -> Any:
        """Read an answer.

        Raises:
            Demoted: The server is a replica by now; nothing was written.
        """
        try:
            return super().read_response(*args, **options)
        except redis.ResponseError as error:
            if not _is_demotion(error):
                raise
            type(self).demotions += 1
            self.disconnect()  # type: ignore[no-untyped-call]
            raise Demoted(str(error)) from error


def outliving(kind: type[AbstractConnection]) -> type[AbstractConnection]:
    """Make a kind of connection that outlives a planned switch of the primary.

    Args:
        kind: One of redis-py's, or derived from one.

    Returns:
        The same, for one pool: its connections tell each other of a switch.
    """
    return type(kind.__name__, (_Outliving, kind), {})


class Client(redis.Redis):
    """A client that knows which keys of its database are ours.

    Attributes:
        keyspace: Their names.
    """

    keyspace = Keys()


def connect(url: str, namespace: str = DEFAULT_NAMESPACE, max_connections: int = 50) -> Client:
    """A pooled client for the ledger.

    Args:
        url: ``redis://…``.
        namespace: Below which our keys lie.
        max_connections: As many as there are threads, and a few.

    Returns:
        The client; it connects when first used. Where all connections are in use, it waits for one.
    """
    pool = redis.BlockingConnectionPool.from_url(
        url,
        timeout=_POOL_S,
        decode_responses=True,
        # Bytes that are no text damage one entry, not every answer that it stands in.
        encoding_errors="replace",
        max_connections=max_connections,
        socket_timeout=15.0,
        socket_connect_timeout=5.0,
        # A repeated transition is told by its token, so a lost reply is safe to ask for again.
        retry=Retry(ExponentialBackoff(cap=0.5, base=0.05), retries=3),
    )
    pool.connection_class = outliving(pool.connection_class)
    client = cast("Client", Client.from_pool(pool))
    client.keyspace = Keys(namespace)
    return client


@contextmanager
def translated(client: redis.Redis) -> Iterator[None]:
    """Turn redis-py's errors into ours, once.

    Raises:
        LedgerUnavailable: Redis is away, or refuses the password or a command.
    """
    try:
        yield
    except redis.AuthenticationError:
        raise LedgerUnavailable(
            f"Redis at {_address(client)} refused the password: check CONVEYOR_REDIS_URL."
        ) from None
    except Demoted as error:
        raise LedgerUnavailable(
            f"Redis at {_address(client)} is a replica and takes no writes: wait until this "
            "address leads to the primary, or set CONVEYOR_REDIS_URL."
        ) from error
    except (redis.ConnectionError, redis.TimeoutError) as error:
        raise LedgerUnavailable(
            f"Redis at {_address(client)} can't be reached ({type(error).__name__}): "
            "start it, or set CONVEYOR_REDIS_URL."
        ) from error
    except redis.RedisError as error:
        raise LedgerUnavailable(
            f"Redis at {_address(client)} refused a command ({type(error).__name__}): look at its "
            "memory, its disk, its role and its permissions."
        ) from error


def _is_demotion(error: redis.ResponseError) -> bool:
    is_replica = isinstance(error, redis.ReadOnlyError | MasterDownError)
    return is_replica or any(word in str(error) for word in _DEMOTIONS)


def _address(client: redis.Redis) -> str:
    options = client.connection_pool.connection_kwargs
    host, port = options.get("host", ""), options.get("port", "")
    return redact_server_url(f"redis://{host}:{port}") if host else str(options.get("path"))
