"""How long a process waits for a Redis that does not answer, and what it tries again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import redis
from redis.backoff import ExponentialBackoff
from redis.retry import Retry

__all__ = ["PRODUCERS", "WORKERS", "Patience"]


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a process waits for a Redis that does not answer.

    Attributes:
        answer_s: For each part of an answer, seconds.
        connect_s: To connect, seconds.
        pool_s: For a connection that others of the process use, seconds.
        errors: What is tried again.
        retries: How often.
    """

    answer_s: float
    connect_s: float
    pool_s: float
    errors: tuple[type[Exception], ...]
    retries: int

    @property
    def retry(self) -> Retry:
        """The retry policy of redis-py."""
        return Retry(ExponentialBackoff(cap=0.5, base=0.05), self.retries, self.errors)


# A repeated transition is told by its token, so a lost reply is safe to ask for again.
WORKERS: Final = Patience(15.0, 5.0, 10.0, (redis.ConnectionError, redis.TimeoutError), retries=3)
"""Nobody waits for a worker: Redis may pause."""

PRODUCERS: Final = Patience(1.0, 1.0, 1.0, (redis.ConnectionError,), retries=2)
"""A web request waits: a Redis that hangs must show within three seconds. So silence is not tried
again, and an operation that meets it can still clean up once."""
