"""Connections that outlive a server which can't serve just now, whoever of us opens them."""

from __future__ import annotations

from typing import Any, ClassVar

import redis
from redis.connection import AbstractConnection

from conveyor.ledger.refusals import DEMOTIONS, code_of

__all__ = ["Refused", "outliving"]


class Refused(redis.ConnectionError):
    """The server can't serve just now, nothing was done, and the connection to it was closed.

    A lost connection is what redis-py, kombu and Celery all wait for and try again.

    Attributes:
        code: Of the answer; see `conveyor.ledger.refusals`.
    """

    def __init__(self, code: str, text: str) -> None:
        super().__init__(f"{code} {text.removeprefix(code).strip()}")
        self.code = code

    def __repr__(self) -> str:
        return str(self)  # redis-py's own hides the reason, and Celery logs this


class _Outliving(AbstractConnection):
    """A connection that outlives a server which answers that it can't serve just now.

    redis-py keeps a connection that answers ``READONLY``: after a switch a whole pool would be of
    no use for as long as the old primary lives. This one closes, and says that it is lost, so that
    whoever retries lost connections goes to where the address leads by now. Its like in the same
    pool connect anew when they are next taken: they may only read, and would read what is old.
    """

    demotions: ClassVar[int] = 0
    _connected_after = 0
    _greeting = False

    def connect(self) -> None:
        """Connect; anew, if another of its kind has met a replica since."""
        met = type(self).demotions
        if met != self._connected_after and self.is_connected:
            self.disconnect()
        super().connect()
        self._connected_after = met

    def on_connect_check_health(self, check_health: bool = True) -> None:
        """Greet the server; redis-py itself passes over what a user may not say of itself."""
        self._greeting = True
        try:
            super().on_connect_check_health(check_health)
        finally:
            self._greeting = False

    def read_response(self, *args: Any, **options: Any) -> Any:
        """Read an answer.

        Raises:
            Refused: The server can't serve just now; nothing was written.
        """
        try:
            answer = super().read_response(*args, **options)
        except redis.AuthenticationError:
            raise  # redis-py takes it for a lost connection by itself
        except (redis.ResponseError, redis.BusyLoadingError) as error:
            self._check(error)
            raise
        # What a script in a transaction was refused stands among the transaction's answers.
        for item in answer if isinstance(answer, list) else ():
            if isinstance(item, redis.ResponseError):
                self._check(item)
        return answer

    def _check(self, error: redis.RedisError) -> None:
        """Raise `Refused` where it is a refusal."""
        code = code_of(error)
        if not code or (self._greeting and code == "NOPERM"):
            return
        if code in DEMOTIONS:
            type(self).demotions += 1
        self.disconnect()
        raise Refused(code, str(error)) from error


def outliving(kind: type[AbstractConnection]) -> type[AbstractConnection]:
    """Make a kind of connection that outlives a server which can't serve just now.

    Args:
        kind: One of redis-py's, or derived from one.

    Returns:
        The same, for one pool: its connections tell each other of a switch of the primary.
    """
    return type(kind.__name__, (_Outliving, kind), {})
